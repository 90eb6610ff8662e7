# ruby-pg, as Debian has it.

require "pg"
require_relative "scenarios"

def open_connection(**options)
  PG.connect(**{ host: HOST, port: PORT, user: "admin", dbname: "postgres", password: token,
                 sslmode: "verify-full", sslrootcert: CA }, **options)
end

def increment(connection, other, tries)
  connection.transaction do
    value = connection.exec("SELECT value FROM counter WHERE id = 1").getvalue(0, 0).to_i
    tries << value
    other.exec("UPDATE counter SET value = value + 10 WHERE id = 1") if tries.size == 1
    connection.exec_params("UPDATE counter SET value = $1 WHERE id = 1", [value + 1])
  end
end

main "pg #{PG::VERSION}, libpq #{PG.library_version}", {
  connect: lambda {
    connection = open_connection
    equal connection.exec("SELECT current_user").values, [["admin"]]
    equal connection.ssl_in_use?, true
    error = raises(PG::ConnectionBad) { open_connection(sslrootcert: OTHER_CA) }
    equal error.message.include?("certificate verify failed"), true
  },
  recipe: lambda {
    connection = open_connection
    connection.exec("CREATE TABLE owner (id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL,
      city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))")
    insert = "INSERT INTO owner (name, city) VALUES ($1, $2) RETURNING id"
    id = connection.exec_params(insert, ["John Doe", "Anytown"]).getvalue(0, 0)
    connection.prepare("find", "SELECT name, telephone FROM owner WHERE id = $1")
    equal connection.exec_prepared("find", [id]).values, [["John Doe", nil]]
    connection.copy_data("COPY owner (name, city) FROM STDIN") { 100.times { |n| connection.put_copy_data("owner #{n}\tx\n") } }
    equal connection.exec("DELETE FROM owner WHERE city = 'x'").cmd_tuples, 100
    connection.type_map_for_results = PG::BasicTypeMapForResults.new(connection)
    typed = connection.exec("SELECT 1::int8 AS a, true AS b, 1.5::float8 AS c, ARRAY[1,2] AS d, DATE '2024-02-29' AS e").first
    equal typed.values[0..3], [1, true, 1.5, [1, 2]]
    raises(PG::UndefinedTable) { connection.exec("SELECT * FROM no_such_table") }
  },
  transaction: lambda {
    connection = open_connection
    connection.exec("CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))")
    connection.exec("INSERT INTO account VALUES (1, 100), (2, 0)")
    connection.transaction do
      connection.exec("UPDATE account SET balance = balance - 40 WHERE id = 1")
      connection.exec("UPDATE account SET balance = balance + 40 WHERE id = 2")
    end
    error = raises(PG::CheckViolation) do
      connection.transaction { connection.exec("UPDATE account SET balance = balance - 100 WHERE id = 1") }
    end
    equal error.result.error_field(PG::PG_DIAG_CONSTRAINT_NAME), "account_balance_check"
    equal connection.exec("SELECT balance FROM account ORDER BY id").values, [["60"], ["40"]]
  },
  conflict: lambda {
    connection, other = open_connection, open_connection
    connection.exec("CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)")
    connection.exec("INSERT INTO counter VALUES (1, 0)")
    tries = []
    error = raises(PG::TRSerializationFailure) { increment(connection, other, tries) }
    equal error.message.include?("(OC000)"), true
    increment(connection, other, tries)
    equal [tries, connection.exec("SELECT value FROM counter").getvalue(0, 0)], [[0, 10], "11"]
  },
  reconnect: lambda {
    connection = open_connection
    sleep CONNECTION_AGE + 1
    raises(PG::Error) { connection.exec("SELECT 1") }
    equal open_connection.exec("SELECT 1").values, [["1"]]
  },
  introspection: lambda {
    connection = open_connection
    connection.exec("CREATE TABLE t (a smallint, b varchar(5))")
    result = connection.exec("SELECT * FROM t")
    equal result.fields.each_index.map { |n| [result.fname(n), result.ftype(n), result.fmod(n)] }, [["a", 21, -1], ["b", 1043, 9]]
    # Reads pg_type, with pg_get_userbyid and friends out of the way.
    equal PG::BasicTypeRegistry::CoderMapsBundle.new(connection).typenames_by_oid[1184], "timestamptz"
  },
  migration: lambda {
    connection = open_connection
    connection.exec("CREATE TABLE pet (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)")
    connection.exec("ALTER TABLE pet ADD COLUMN kind text")
    job = connection.exec("CREATE INDEX ASYNC pet_kind ON pet (kind)").getvalue(0, 0)
    equal connection.exec_params("CALL sys.wait_for_job($1)", [job]).values, [["t"]]
  },
}
