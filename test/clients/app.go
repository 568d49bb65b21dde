// go-sql-driver through the app port: app PORT CA ("" in the clear).
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

const text = "ä € 😀 'quoted' \\ end"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, what ...any) {
	if !holds {
		panic(fmt.Sprint(what...))
	}
}

func fails(number uint16, err error) {
	var refused *mysql.MySQLError
	check(errors.As(err, &refused) && refused.Number == number, number, " is expected, and is: ", err)
}

func open(port, ca, password, schema string) *sql.DB {
	address := fmt.Sprintf("app:%s@tcp(127.0.0.1:%s)/%s?multiStatements=true&parseTime=true", password, port, schema)
	if ca != "" {
		pem, err := os.ReadFile(ca)
		must(err)
		pool := x509.NewCertPool()
		check(pool.AppendCertsFromPEM(pem), "the authority")
		must(mysql.RegisterTLSConfig("ca", &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}))
		address += "&tls=ca"
	}
	db, err := sql.Open("mysql", address)
	must(err)
	return db
}

func value[T any](db *sql.DB, query string, arguments ...any) (result T) {
	must(db.QueryRow(query, arguments...).Scan(&result))
	return result
}

func rows(db *sql.DB) {
	blob := bytes.Repeat([]byte("blob\x00"), 4000000)
	when := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	_, err := db.Exec("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, s TEXT, b LONGBLOB, w DATETIME(6))")
	must(err)
	result, err := db.Exec("INSERT INTO t (s, b, w) VALUES (?, ?, ?)", text, blob, when)
	must(err)
	id, _ := result.LastInsertId()
	check(id == 1, "id ", id)
	var s string
	var b []byte
	var w time.Time
	must(db.QueryRow("SELECT s, b, w FROM t WHERE id = ?", 1).Scan(&s, &b, &w))
	check(s == text && bytes.Equal(b, blob) && w.Equal(when), "row ", s, len(b), w)
}

func transactions(db *sql.DB) {
	for _, commits := range []bool{false, true} {
		transaction, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		must(err)
		statement, err := transaction.Prepare("INSERT INTO t (s) VALUES (?)")
		must(err)
		for i := 0; i < 300; i++ {
			_, err = statement.Exec(fmt.Sprint("row ", i))
			must(err)
		}
		if commits {
			must(transaction.Commit())
		} else {
			must(transaction.Rollback())
		}
	}
	check(value[int](db, "SELECT COUNT(*) FROM t") == 301, "rows after commit and rollback")
}

func results(db *sql.DB) {
	_, err := db.Exec("CREATE PROCEDURE p(a INT) BEGIN SELECT a; SELECT a + 1; END")
	must(err)
	all, err := db.Query("CALL p(41); SELECT 43; DO 1")
	must(err)
	for expected := 41; expected <= 43; expected++ {
		var got int
		check(all.Next(), "no row")
		must(all.Scan(&got))
		check(got == expected && !all.Next(), got, " instead of ", expected)
		all.NextResultSet()
	}
	must(all.Close())
	_, err = db.Exec("SELEKT 1")
	fails(1064, err)
	_, err = db.Exec("INSERT INTO t (id) VALUES (?)", 1)
	fails(1062, err)
	_, err = db.Query("SELECT * FROM nothing WHERE id = ?", 1)
	fails(1146, err)
}

func file(db *sql.DB) {
	var lines strings.Builder
	for i := 0; i < 100000; i++ {
		fmt.Fprintf(&lines, "%d\tline %d\n", i, i)
	}
	mysql.RegisterReaderHandler("lines", func() io.Reader { return strings.NewReader(lines.String()) })
	_, err := db.Exec("CREATE TABLE u (id INT PRIMARY KEY, s VARCHAR(40)); LOAD DATA LOCAL INFILE 'Reader::lines' INTO TABLE u")
	must(err)
	check(value[int](db, "SELECT COUNT(*) FROM u") == 100000, "rows of the file")
}

func parallel(db *sql.DB) {
	var group sync.WaitGroup
	_, err := db.Exec("CREATE TABLE v (id INT PRIMARY KEY, s VARCHAR(40))")
	must(err)
	for i := 0; i < 16; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for j := 0; j < 25; j++ {
				_, err := db.Exec("INSERT INTO v VALUES (?, ?)", 25*i+j, text)
				must(err)
			}
		}(i)
	}
	group.Wait()
	check(value[int](db, "SELECT COUNT(*) FROM v") == 400, "rows of all")
}

// A statement that is given up: the driver closes the connection and takes another one.
func cancelled(db *sql.DB) {
	limited, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := db.ExecContext(limited, "DO SLEEP(20)")
	check(errors.Is(err, context.DeadlineExceeded), err)
	check(value[int](db, "SELECT 1") == 1, "after that")
}

func main() {
	port, ca := os.Args[1], os.Args[2]
	first := open(port, ca, "app-pw", "")
	_, err := first.Exec("DROP DATABASE IF EXISTS go; CREATE DATABASE go CHARACTER SET utf8mb4")
	must(err)
	must(first.Close())
	fails(1045, open(port, ca, "wrong", "").Ping())
	db := open(port, ca, "app-pw", "go")
	var name, cipher string
	must(db.QueryRow("SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher))
	check((cipher != "") == (ca != ""), "cipher ", cipher)
	rows(db)
	transactions(db)
	results(db)
	file(db)
	parallel(db)
	cancelled(db)
	must(db.Close())
}
