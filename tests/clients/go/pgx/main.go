// Command pgx is pgx as a client of Borealis, with tokens of the AWS SDK. The official connector is not
// served by the module proxy; what it does is what this program does before each connection.
//
// It runs the scenarios that its arguments name and prints one line for each.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dsql/auth"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

var host = os.Getenv("CLUSTER_ENDPOINT")

func main() {
	scenarios := map[string]func(context.Context){
		"connect": connect, "recipe": recipe, "transaction": transaction, "conflict": conflict, "pool": pool,
		"reconnect": reconnect, "introspection": introspection, "migration": migration,
	}
	fmt.Println("client", versions())
	failed := false
	for _, name := range os.Args[1:] {
		if scenario, ok := scenarios[name]; ok {
			failed = !run(name, scenario) || failed
		}
	}
	if failed {
		os.Exit(1)
	}
}

func versions() string {
	found := []string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if strings.HasSuffix(module.Path, "/pgx/v5") || strings.HasSuffix(module.Path, "/dsql/auth") {
				found = append(found, strings.TrimPrefix(module.Path, "github.com/")+" "+module.Version)
			}
		}
	}
	return strings.Join(found, ", ")
}

// run calls one scenario, which panics if something is wrong.
func run(name string, scenario func(context.Context)) (passed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer func() {
		if wrong := recover(); wrong != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", name, wrong, debug.Stack())
			fmt.Printf("fail %s: %s\n", name, strings.Join(strings.Fields(fmt.Sprint(wrong)), " "))
		}
	}()
	scenario(ctx)
	fmt.Println("pass", name)
	return true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func equal(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("%#v instead of %#v", found, expected))
	}
}

// raises panics unless err is the server's, with this SQLSTATE.
func raises(err error, code string) *pgconn.PgError {
	var raised *pgconn.PgError
	if !errors.As(err, &raised) {
		panic(fmt.Sprintf("%v instead of %s", err, code))
	}
	equal(raised.Code, code)
	return raised
}

// settings trusts only the certificate authority in the file.
func settings(caFile string) *pgx.ConnConfig {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(caFile)))
	settings := must(pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=admin dbname=postgres", host, os.Getenv("PGPORT"))))
	settings.TLSConfig = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	settings.Fallbacks = nil
	return settings
}

func addToken(ctx context.Context, settings *pgx.ConnConfig) error {
	region := os.Getenv("REGION")
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return err
	}
	settings.Password, err = auth.GenerateDBConnectAdminAuthToken(ctx, host, region, loaded.Credentials)
	return err
}

func open(ctx context.Context) *pgx.Conn {
	settings := settings(os.Getenv("PGSSLROOTCERT"))
	check(addToken(ctx, settings))
	return must(pgx.ConnectConfig(ctx, settings))
}

func openPool(ctx context.Context, size int32) *pgxpool.Pool {
	options := must(pgxpool.ParseConfig("user=admin"))
	options.ConnConfig = settings(os.Getenv("PGSSLROOTCERT"))
	options.BeforeConnect = addToken
	options.MaxConns = size
	return must(pgxpool.NewWithConfig(ctx, options))
}

// withRetry does what the connector's occretry does: the whole transaction again after a conflict.
func withRetry(ctx context.Context, pool *pgxpool.Pool, work func(pgx.Tx) error) {
	for try := 0; ; try++ {
		err := pgx.BeginFunc(ctx, pool, work)
		var raised *pgconn.PgError
		if err == nil {
			return
		}
		if !errors.As(err, &raised) || raised.Code != "40001" || try == 100 {
			panic(err)
		}
	}
}

func connect(ctx context.Context) {
	conn := open(ctx)
	var user, version string
	check(conn.QueryRow(ctx, "SELECT current_user, current_setting('server_version')").Scan(&user, &version))
	equal(user, "admin")
	equal(strings.HasPrefix(version, "16"), true)
	check(conn.Close(ctx))
	direct := settings(os.Getenv("PGSSLROOTCERT"))
	direct.SSLNegotiation = "direct"
	direct.TLSConfig.NextProtos = []string{"postgresql"}
	check(addToken(ctx, direct))
	check(must(pgx.ConnectConfig(ctx, direct)).Close(ctx))
	other := settings(os.Getenv("OTHER_CA"))
	check(addToken(ctx, other))
	_, err := pgx.ConnectConfig(ctx, other)
	var unknown x509.UnknownAuthorityError
	equal(errors.As(err, &unknown), true)
	wrong := settings(os.Getenv("PGSSLROOTCERT"))
	wrong.Password = "wrong"
	_, err = pgx.ConnectConfig(ctx, wrong)
	var raised *pgconn.PgError
	equal(errors.As(err, &raised) && strings.HasPrefix(raised.Code, "28"), true)
}

func recipe(ctx context.Context) {
	pool := openPool(ctx, 4)
	defer pool.Close()
	must(pool.Exec(ctx, `CREATE TABLE owner (id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL,
		city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))`))
	var id pgtype.UUID
	insert := "INSERT INTO owner (name, city, telephone) VALUES ($1, $2, $3) RETURNING id"
	check(pool.QueryRow(ctx, insert, "John Doe", "Anytown", nil).Scan(&id))
	type Owner struct {
		ID        pgtype.UUID
		Name      string
		City      string
		Telephone *string
	}
	rows := must(pool.Query(ctx, "SELECT * FROM owner WHERE name = $1", "John Doe"))
	equal(must(pgx.CollectRows(rows, pgx.RowToStructByName[Owner])), []Owner{{id, "John Doe", "Anytown", nil}})
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		var city string
		check(pool.QueryRow(ctx, "SELECT city FROM owner WHERE name = $1", mode, "John Doe").Scan(&city))
		equal(city, "Anytown")
	}
	people := [][]any{}
	for n := range 500 {
		people = append(people, []any{fmt.Sprint("owner ", n), "Elsewhere"})
	}
	equal(must(pool.CopyFrom(ctx, pgx.Identifier{"owner"}, []string{"name", "city"}, pgx.CopyFromRows(people))), int64(500))
	batch := &pgx.Batch{}
	for n := range 10 {
		batch.Queue("UPDATE owner SET city = $1 WHERE name = $2", "Here", fmt.Sprint("owner ", n))
	}
	check(pool.SendBatch(ctx, batch).Close())
	equal(must(pool.Exec(ctx, "DELETE FROM owner WHERE city = 'Here'")).RowsAffected(), int64(10))
	at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	var values struct {
		list []string
		doc  map[string]int
		at   time.Time
		num  pgtype.Numeric
		span pgtype.Range[int32]
	}
	check(pool.QueryRow(ctx, "SELECT $1::text[], $2::jsonb, $3::timestamptz, $4::numeric, '[1,5)'::int4range",
		[]string{"a", "b"}, map[string]int{"c": 1}, at, "12.50").
		Scan(&values.list, &values.doc, &values.at, &values.num, &values.span))
	equal(values.list, []string{"a", "b"})
	equal(values.doc, map[string]int{"c": 1})
	equal(values.at.Equal(at), true)
	equal([]any{values.num.Int.Int64(), values.num.Exp}, []any{int64(1250), int32(-2)})
	equal([]int32{values.span.Lower, values.span.Upper}, []int32{1, 5})
}

func transaction(ctx context.Context) {
	conn := open(ctx)
	defer conn.Close(ctx)
	must(conn.Exec(ctx, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))"))
	must(conn.Exec(ctx, "INSERT INTO account VALUES (1, 100), (2, 0)"))
	check(pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		must(tx.Exec(ctx, "UPDATE account SET balance = balance - $1 WHERE id = 1", 40))
		must(tx.Exec(ctx, "UPDATE account SET balance = balance + $1 WHERE id = 2", 40))
		return nil
	}))
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account SET balance = balance - 100 WHERE id = 1")
		return err
	})
	equal(raises(err, "23514").ConstraintName, "account_balance_check")
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE account SET balance = 0")
		return err
	})
	raises(err, "25006")
	rows := must(conn.Query(ctx, "SELECT balance FROM account ORDER BY id"))
	equal(must(pgx.CollectRows(rows, pgx.RowTo[int32])), []int32{60, 40})
}

func conflict(ctx context.Context) {
	pool := openPool(ctx, 4)
	defer pool.Close()
	must(pool.Exec(ctx, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)"))
	must(pool.Exec(ctx, "INSERT INTO counter VALUES (1, 0)"))
	tries := 0
	increment := func(tx pgx.Tx) error {
		var value int
		if err := tx.QueryRow(ctx, "SELECT value FROM counter WHERE id = 1").Scan(&value); err != nil {
			return err
		}
		if tries++; tries == 1 {
			must(pool.Exec(ctx, "UPDATE counter SET value = value + 10 WHERE id = 1"))
		}
		_, err := tx.Exec(ctx, "UPDATE counter SET value = $1 WHERE id = 1", value+1)
		return err
	}
	equal(strings.Contains(raises(pgx.BeginFunc(ctx, pool, increment), "40001").Message, "(OC000)"), true)
	tries = 0
	withRetry(ctx, pool, increment)
	var value int
	check(pool.QueryRow(ctx, "SELECT value FROM counter").Scan(&value))
	equal([]int{tries, value}, []int{2, 21})
}

func pool(ctx context.Context) {
	pool := openPool(ctx, 8)
	defer pool.Close()
	must(pool.Exec(ctx, "CREATE TABLE hits (page int PRIMARY KEY, count int NOT NULL)"))
	must(pool.Exec(ctx, "INSERT INTO hits SELECT n, 0 FROM generate_series(0, 4) n"))
	var group sync.WaitGroup
	for n := range 100 {
		group.Add(1)
		go func() {
			defer group.Done()
			withRetry(ctx, pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE hits SET count = count + 1 WHERE page = $1", n%5)
				return err
			})
		}()
	}
	group.Wait()
	rows := must(pool.Query(ctx, "SELECT count FROM hits"))
	equal(must(pgx.CollectRows(rows, pgx.RowTo[int32])), []int32{20, 20, 20, 20, 20})
}

func reconnect(ctx context.Context) {
	age := must(time.ParseDuration(os.Getenv("CONNECTION_AGE") + "s"))
	pool := openPool(ctx, 1)
	defer pool.Close()
	for range 2 {
		var one int
		check(pool.QueryRow(ctx, "SELECT 1").Scan(&one))
		time.Sleep(age + time.Second)
	}
	conn := open(ctx)
	time.Sleep(age + time.Second)
	equal(conn.Ping(ctx) != nil && conn.IsClosed(), true)
}

func introspection(ctx context.Context) {
	conn := open(ctx)
	defer conn.Close(ctx)
	must(conn.Exec(ctx, "CREATE TABLE t (a smallint, b varchar(5), c numeric(9,2), d timestamptz)"))
	statement := must(conn.Prepare(ctx, "s", "SELECT *, ARRAY[1] AS e FROM t WHERE a = $1 AND b = ANY ($2)"))
	equal(statement.ParamOIDs, []uint32{pgtype.Int2OID, pgtype.TextArrayOID})
	found := []uint32{}
	for _, field := range statement.Fields {
		found = append(found, field.DataTypeOID, uint32(field.TableAttributeNumber))
	}
	equal(found, []uint32{21, 1, 1043, 2, 1700, 3, 1184, 4, 1007, 0})
	// How pgx learns of types that it does not know.
	kind := must(conn.LoadType(ctx, "t"))
	codec, ok := kind.Codec.(*pgtype.CompositeCodec)
	equal(ok && len(codec.Fields) == 4 && codec.Fields[2].Name == "c", true)
	equal(len(must(conn.LoadTypes(ctx, []string{"t", "_t"}))) > 0, true)
}

func migration(ctx context.Context) {
	conn := open(ctx)
	defer conn.Close(ctx)
	must(conn.Exec(ctx, "CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)"))
	must(conn.Exec(ctx, "INSERT INTO pet (name) VALUES ($1)", "Rex"))
	rows := must(conn.Query(ctx, "SELECT * FROM pet"))
	equal(len(rows.FieldDescriptions()), 2)
	rows.Close()
	must(conn.Exec(ctx, "ALTER TABLE pet ADD COLUMN kind text"))
	must(conn.Exec(ctx, "UPDATE pet SET kind = $1 WHERE kind IS NULL", "dog"))
	var job string
	check(conn.QueryRow(ctx, "CREATE INDEX ASYNC pet_kind ON pet (kind)").Scan(&job))
	var succeeded bool
	check(conn.QueryRow(ctx, "CALL sys.wait_for_job($1)", job).Scan(&succeeded))
	equal(succeeded, true)
	// The cached statement fails once, because its result has changed; then pgx prepares it anew.
	rows = must(conn.Query(ctx, "SELECT * FROM pet"))
	rows.Close()
	raises(rows.Err(), "0A000")
	rows = must(conn.Query(ctx, "SELECT * FROM pet"))
	equal(len(rows.FieldDescriptions()), 3)
	rows.Close()
	check(rows.Err())
}
