// libpq from C++, as Debian has it. Runs the scenarios that its arguments name and prints one line for each: `pass NAME`, or
// `fail NAME: what went wrong`.

#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Finish { void operator()(PGconn *c) const { PQfinish(c); } };
struct Clear { void operator()(PGresult *r) const { PQclear(r); } };
using Connection = std::unique_ptr<PGconn, Finish>;
using Result = std::unique_ptr<PGresult, Clear>;
using Rows = std::vector<std::vector<std::string>>;

std::string variable(const char *name) {
  const char *value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string("no ") + name);
  return value;
}

void check(bool holds, const std::string &what) {
  if (!holds) throw std::runtime_error(what);
}

// A token, made by the server's command line: there is no signer for C++ among Debian's packages.
std::string token() {
  std::string command = "\"" + variable("BOREALIS_BIN") + "\" token --data-dir \"" + variable("DATA_DIR") + "\"", text;
  std::unique_ptr<FILE, int (*)(FILE *)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> buffer;
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get())) text += buffer.data();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Connection open(const std::string &ca) {
  std::string host = variable("CLUSTER_ENDPOINT"), port = variable("PGPORT"), password = token();
  const char *names[] = {"host", "port", "user", "dbname", "password", "sslmode", "sslrootcert", nullptr};
  const char *values[] = {host.c_str(), port.c_str(), "admin", "postgres", password.c_str(), "verify-full", ca.c_str(), nullptr};
  return Connection(PQconnectdbParams(names, values, 0));
}

Connection open() {
  Connection connection = open(variable("PGSSLROOTCERT"));
  check(PQstatus(connection.get()) == CONNECTION_OK, PQerrorMessage(connection.get()));
  return connection;
}

Result run(const Connection &connection, const std::string &sql, const std::vector<const char *> &parameters = {}) {
  int count = static_cast<int>(parameters.size());
  return Result(count ? PQexecParams(connection.get(), sql.c_str(), count, nullptr, parameters.data(), nullptr, nullptr, 0)
                      : PQexec(connection.get(), sql.c_str()));
}

Rows query(const Connection &connection, const std::string &sql, const std::vector<const char *> &parameters = {}) {
  Result result = run(connection, sql, parameters);
  ExecStatusType status = PQresultStatus(result.get());
  check(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, sql + ": " + PQresultErrorMessage(result.get()));
  Rows rows(static_cast<size_t>(PQntuples(result.get())));
  for (size_t row = 0; row < rows.size(); row++)
    for (int column = 0; column < PQnfields(result.get()); column++)
      rows[row].push_back(PQgetvalue(result.get(), static_cast<int>(row), column));
  return rows;
}

void fails(const Connection &connection, const std::string &sql, const std::string &state) {
  Result result = run(connection, sql);
  const char *found = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  check(found && state == found, sql + ": " + (found ? found : "no error") + " instead of " + state);
}

void connect() {
  Connection connection = open();
  check(query(connection, "SELECT current_user") == Rows{{"admin"}}, "not admin");
  check(PQsslInUse(connection.get()), "no TLS");
  check(PQserverVersion(connection.get()) / 10000 == 16, "not version 16");
  Connection refused = open(variable("OTHER_CA"));
  std::string message = PQerrorMessage(refused.get());
  check(message.find("certificate verify failed") != std::string::npos, "trusted: " + message);
}

void recipe() {
  Connection connection = open();
  query(connection, "CREATE TABLE owner (id uuid NOT NULL DEFAULT gen_random_uuid(), name varchar(30) NOT NULL, "
                    "city varchar(80) NOT NULL, telephone varchar(20) DEFAULT NULL, PRIMARY KEY (id))");
  query(connection, "INSERT INTO owner (name, city) VALUES ($1, $2)", {"John Doe", "Anytown"});
  check(query(connection, "SELECT city FROM owner WHERE name = $1", {"John Doe"}) == Rows{{"Anytown"}}, "not found");
  check(PQresultStatus(run(connection, "COPY owner (name, city) FROM STDIN").get()) == PGRES_COPY_IN, "no COPY");
  check(PQputCopyData(connection.get(), "a\tx\nb\tx\n", 8) == 1 && PQputCopyEnd(connection.get(), nullptr) == 1, "COPY data");
  while (PGresult *result = PQgetResult(connection.get())) Clear()(result);
  Result deleted = run(connection, "DELETE FROM owner");
  check(std::string(PQcmdTuples(deleted.get())) == "3", "not three rows");
  // A row at a time, and several statements in a pipeline.
  check(PQsendQuery(connection.get(), "SELECT n FROM generate_series(1, 1000) n") && PQsetSingleRowMode(connection.get()), "single rows");
  int rows = 0;
  while (PGresult *result = PQgetResult(connection.get())) {
    rows += PQntuples(result);
    Clear()(result);
  }
  check(rows == 1000, "not 1000 rows");
  check(PQenterPipelineMode(connection.get()), "no pipeline");
  for (int n = 0; n < 3; n++) PQsendQueryParams(connection.get(), "SELECT 1", 0, nullptr, nullptr, nullptr, nullptr, 0);
  PQpipelineSync(connection.get());
  int answers = 0, syncs = 0;
  while (syncs == 0) {
    PGresult *result = PQgetResult(connection.get());
    if (!result) continue;
    answers += PQresultStatus(result) == PGRES_TUPLES_OK;
    syncs += PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    Clear()(result);
  }
  check(answers == 3 && PQexitPipelineMode(connection.get()), "pipeline");
  fails(connection, "SELECT * FROM no_such_table", "42P01");
}

void transaction() {
  Connection connection = open();
  query(connection, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0))");
  query(connection, "INSERT INTO account VALUES (1, 100)");
  query(connection, "BEGIN");
  check(PQtransactionStatus(connection.get()) == PQTRANS_INTRANS, "no transaction");
  fails(connection, "UPDATE account SET balance = -1", "23514");
  check(PQtransactionStatus(connection.get()) == PQTRANS_INERROR, "not failed");
  fails(connection, "SELECT 1", "25P02");
  query(connection, "ROLLBACK");
  check(query(connection, "SELECT balance FROM account") == Rows{{"100"}}, "not rolled back");
}

void conflict() {
  Connection a = open(), b = open();
  query(a, "CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)");
  query(a, "INSERT INTO counter VALUES (1, 0)");
  for (const auto &connection : {&a, &b}) {
    query(*connection, "BEGIN");
    query(*connection, "UPDATE counter SET value = value + 1 WHERE id = 1");
  }
  query(a, "COMMIT");
  fails(b, "COMMIT", "40001");
  query(b, "UPDATE counter SET value = value + 1 WHERE id = 1");
  check(query(a, "SELECT value FROM counter") == Rows{{"2"}}, "lost");
}

void reconnect() {
  Connection connection = open();
  std::this_thread::sleep_for(std::chrono::seconds(std::stoi(variable("CONNECTION_AGE")) + 1));
  check(PQresultStatus(run(connection, "SELECT 1").get()) == PGRES_FATAL_ERROR, "still there");
  check(PQstatus(connection.get()) == CONNECTION_BAD, "not broken");
  check(query(open(), "SELECT 1") == Rows{{"1"}}, "no new connection");
}

}  // namespace

int main(int count, char **arguments) {
  std::map<std::string, std::function<void()>> scenarios = {
      {"connect", connect}, {"recipe", recipe}, {"transaction", transaction}, {"conflict", conflict}, {"reconnect", reconnect}};
  std::cout << "client libpq " << PQlibVersion() << std::endl;
  bool failed = false;
  for (int n = 1; n < count; n++) {
    auto scenario = scenarios.find(arguments[n]);
    if (scenario == scenarios.end()) continue;
    try {
      scenario->second();
      std::cout << "pass " << arguments[n] << std::endl;
    } catch (const std::exception &error) {
      failed = true;
      std::string text = error.what();
      for (char &c : text) c = c == '\n' ? ' ' : c;
      std::cout << "fail " << arguments[n] << ": " << text << std::endl;
    }
  }
  return failed;
}
