<?php
// mysqlnd through the app port, by mysqli and by PDO: php app.php PORT CA ("" in the clear).
declare(strict_types=1);
[, $port, $ca] = $argv;
const TEXT = "ä € 😀 'quoted' \\ \0 end";
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function check(bool $holds, string $what): void
{
    if (!$holds) {
        throw new Exception($what);
    }
}

function fails(int $number, callable $do): void
{
    try {
        $do();
    } catch (mysqli_sql_exception | PDOException $error) {
        $code = $error instanceof PDOException ? $error->errorInfo[1] : $error->getCode();
        check($code === $number, "$code instead of $number");
        return;
    }
    throw new Exception("$number is missing");
}

function connect(string $password): mysqli
{
    global $port, $ca;
    $db = mysqli_init();
    if ($ca !== '') {
        $db->ssl_set(null, null, $ca, null, null);
    }
    $db->real_connect('127.0.0.1', 'app', $password, null, (int)$port, null, $ca !== '' ? MYSQLI_CLIENT_SSL : 0);
    $db->set_charset('utf8mb4');
    return $db;
}

$db = connect('app-pw');
check(($db->query("SHOW STATUS LIKE 'Ssl_cipher'")->fetch_row()[1] !== '') === ($ca !== ''), 'cipher');
check((int)$db->query('SELECT CONNECTION_ID()')->fetch_row()[0] === $db->thread_id, 'thread id');
$db->query('DROP DATABASE IF EXISTS php');
$db->query('CREATE DATABASE php CHARACTER SET utf8mb4');
$db->select_db('php');
$db->query('CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, b LONGBLOB, d DOUBLE)');

// COM_STMT_SEND_LONG_DATA, and what was sent comes back
$blob = random_bytes(1000) . str_repeat('blob', 5000000);
$statement = $db->prepare('INSERT INTO t (s, b, d) VALUES (?, ?, ?)');
[$text, $none, $number] = [TEXT, null, 0.1];
$statement->bind_param('sbd', $text, $none, $number);
foreach (str_split($blob, 3000000) as $part) {
    $statement->send_long_data(1, $part);
}
$statement->execute();
check($statement->insert_id === 1 && $statement->affected_rows === 1, 'insert');
$statement = $db->prepare('SELECT s, b, d FROM t WHERE id = ?');
$statement->execute([1]);
check($statement->get_result()->fetch_row() === [TEXT, $blob, 0.1], 'row');
$db->begin_transaction();
for ($i = 0; $i < 200; $i++) {
    $db->query("INSERT INTO t (s) VALUES ('row $i')");
}
$db->rollback();
check((int)$db->query('SELECT COUNT(*) FROM t')->fetch_row()[0] === 1, 'rollback');

// a server-side cursor
$db->query("INSERT INTO t (s) WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 900) SELECT n FROM c");
$statement = $db->prepare('SELECT s FROM t WHERE id > 1 ORDER BY id');
$statement->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
$statement->execute();
$statement->bind_result($s);
for ($rows = 0; $statement->fetch(); $rows++) {
    check($s === (string)($rows + 1), "row $rows is $s");
}
check($rows === 900, "$rows rows");
$statement->close();

$db->query('CREATE PROCEDURE p(a INT) BEGIN SELECT a; SELECT a + 1; END');
check($db->multi_query('CALL p(41); SELECT 1/0; DO 1'), 'multi');
$all = [];
do {
    if ($result = $db->store_result()) {
        $all[] = $result->fetch_row()[0];
    }
} while ($db->more_results() && $db->next_result());
check($all === ['41', '42', null], json_encode($all));
fails(1064, fn() => $db->query('SELEKT 1'));
fails(1062, fn() => $db->query('INSERT INTO t (id) VALUES (1)'));
fails(1045, fn() => connect('wrong'));
check($db->change_user('app', 'app-pw', 'php'), 'change user');
check($db->query('SELECT DATABASE()')->fetch_row()[0] === 'php', 'schema after change user');
$db->close();

foreach ([true, false] as $emulated) {
    $options = [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulated];
    if ($ca !== '') {
        $options[PDO::MYSQL_ATTR_SSL_CA] = $ca;
    }
    $pdo = new PDO("mysql:host=127.0.0.1;port=$port;dbname=php;charset=utf8mb4", 'app', 'app-pw', $options);
    $table = $emulated ? 'emulated' : 'prepared';
    $pdo->exec("CREATE TABLE $table (id INT PRIMARY KEY, s TEXT)");
    $pdo->beginTransaction();
    $insert = $pdo->prepare("INSERT INTO $table VALUES (?, ?)");
    foreach (range(1, 100) as $i) {
        $insert->execute([$i, TEXT . $i]);
    }
    $pdo->commit();
    $select = $pdo->prepare("SELECT s FROM $table WHERE id = :id");
    $select->execute(['id' => 77]);
    check($select->fetchColumn() === TEXT . '77', 'PDO');
    $select->closeCursor();
    fails(1062, fn() => $pdo->exec("INSERT INTO $table VALUES (1, 'x')"));
}
