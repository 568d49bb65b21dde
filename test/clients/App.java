import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;

/** MariaDB's connector for Java through the app port: App PORT CA ("" in the clear). */
public class App {
    static final String TEXT = "ä € 😀 'quoted' \\ end";
    static String url;

    static void check(boolean holds, Object what) {
        if (!holds)
            throw new AssertionError(what);
    }

    interface Step { void run() throws SQLException; }

    static void fails(int number, Step step) {
        try {
            step.run();
        } catch (SQLException error) {
            check(error.getErrorCode() == number, error);
            return;
        }
        throw new AssertionError(number + " is missing");
    }

    static Connection open(String schema, String password, String more) throws SQLException {
        return DriverManager.getConnection(url.replace("SCHEMA", schema) + more, "app", password);
    }

    static Object value(Connection db, String query) throws SQLException {
        try (Statement statement = db.createStatement(); ResultSet result = statement.executeQuery(query)) {
            check(result.next(), query);
            return result.getObject(1);
        }
    }

    static void rows(Connection db, String table) throws SQLException {
        byte[] blob = new byte[20000000];
        for (int i = 0; i < blob.length; i++)
            blob[i] = (byte) (i * 31);
        try (Statement statement = db.createStatement()) {
            statement.execute("CREATE TABLE " + table + " (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, b LONGBLOB, n BIGINT)");
        }
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + table + " (s, b, n) VALUES (?, ?, ?)",
                                                            Statement.RETURN_GENERATED_KEYS)) {
            insert.setString(1, TEXT);
            insert.setBytes(2, blob);
            insert.setLong(3, Long.MIN_VALUE);
            check(insert.executeUpdate() == 1, "insert");
            ResultSet keys = insert.getGeneratedKeys();
            check(keys.next() && keys.getInt(1) == 1, "key");
        }
        try (PreparedStatement select = db.prepareStatement("SELECT s, b, n FROM " + table + " WHERE id = ?")) {
            select.setInt(1, 1);
            ResultSet row = select.executeQuery();
            check(row.next() && row.getString(1).equals(TEXT) && Arrays.equals(row.getBytes(2), blob)
                      && row.getLong(3) == Long.MIN_VALUE, "row");
        }
    }

    static void transactions(Connection db, String table) throws SQLException {
        db.setAutoCommit(false);
        for (boolean commits : new boolean[] {false, true}) {
            try (PreparedStatement insert = db.prepareStatement("INSERT INTO " + table + " (s) VALUES (?)")) {
                for (int i = 0; i < 1000; i++) {
                    insert.setString(1, "row " + i);
                    insert.addBatch();
                }
                check(insert.executeBatch().length == 1000, "batch");
            }
            if (commits)
                db.commit();
            else
                db.rollback();
        }
        db.setAutoCommit(true);
        check(value(db, "SELECT COUNT(*) FROM " + table).toString().equals("1001"), "rows");
        try (PreparedStatement select = db.prepareStatement("SELECT s FROM " + table + " WHERE id > 1")) {
            select.setFetchSize(100);
            int count = 0;
            for (ResultSet result = select.executeQuery(); result.next(); count++)
                check(result.getString(1).startsWith("row "), count);
            check(count == 1000, count);
        }
    }

    static void results(Connection db, String table) throws SQLException {
        try (Statement statement = db.createStatement()) {
            statement.execute("CREATE PROCEDURE p_" + table + "(a INT) BEGIN SELECT a; SELECT a + 1; END");
            boolean has = statement.execute("CALL p_" + table + "(41); SELECT 43");
            for (int expected = 41; expected <= 43; expected++) {
                while (!has)
                    has = statement.getMoreResults();
                ResultSet result = statement.getResultSet();
                check(result.next() && result.getInt(1) == expected, expected);
                has = statement.getMoreResults();
            }
            fails(1064, () -> statement.execute("SELEKT 1"));
            fails(1062, () -> statement.execute("INSERT INTO " + table + " (id) VALUES (1)"));
            fails(1146, () -> db.prepareStatement("SELECT * FROM nothing").executeQuery());
            statement.setQueryTimeout(1);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String port = arguments[0], ca = arguments[1];
        url = "jdbc:mariadb://127.0.0.1:" + port + "/SCHEMA?allowMultiQueries=true&allowPublicKeyRetrieval=true"
            + (ca.isEmpty() ? "" : "&useSsl=true&serverSslCert=" + ca);
        try (Connection first = open("", "app-pw", ""); Statement statement = first.createStatement()) {
            statement.execute("DROP DATABASE IF EXISTS java; CREATE DATABASE java CHARACTER SET utf8mb4");
        }
        fails(1045, () -> open("", "wrong", ""));
        for (String more : new String[] {"", "&useServerPrepStmts=true", "&useCompression=true"}) {
            String table = "t" + more.length();
            try (Connection db = open("java", "app-pw", more)) {
                check(((String) value(db, "SELECT DATABASE()")).equals("java"), "schema");
                rows(db, table);
                transactions(db, table);
                results(db, table);
            }
        }
    }
}
