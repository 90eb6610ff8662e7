# ActiveRecord, as Debian has it, with its adapter for PostgreSQL.

require "active_record"
require_relative "scenarios"

# What ActiveRecord says to each new connection is refused by Aurora DSQL: SET client_min_messages, and an interval style.
# Nor are there advisory locks, or transactions around schema changes.
module AuroraDsql
  def supports_advisory_locks?
    false
  end

  def supports_ddl_transactions?
    false
  end

  def configure_connection
    @connection.set_client_encoding("UTF8")
  end
end
require "active_record/connection_adapters/postgresql_adapter"
ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(AuroraDsql)

def establish(**options)
  ActiveRecord::Base.establish_connection(
    **{ adapter: "postgresql", host: HOST, port: PORT, username: "admin", database: "postgres", password: token,
        sslmode: "verify-full", sslrootcert: CA, pool: 8, advisory_locks: false }, **options
  )
  ActiveRecord::Base.connection
end

# Aurora DSQL's primary keys include all columns, and ActiveRecord takes those for columns of the key.
class Owner < ActiveRecord::Base
  self.primary_key = "id"
  has_many :pets
end

class Pet < ActiveRecord::Base
  self.primary_key = "id"
  belongs_to :owner, optional: true
end

class CreateCreatures < ActiveRecord::Migration[6.1]
  def change
    create_table(:creatures, id: :uuid) { |t| t.string :name }
  end
end

class AddKind < ActiveRecord::Migration[6.1]
  def up
    add_column :creatures, :kind, :string
    execute "CREATE INDEX ASYNC index_creatures_on_name ON creatures (name)"
  end

  def down
    rename_column :creatures, :kind, :sort
  end
end

def migrate(direction)
  migrations = [CreateCreatures.new("CreateCreatures", 1), AddKind.new("AddKind", 2)]
  ActiveRecord::Migration.verbose = false
  # Down to the first.
  version = direction == :down ? 1 : nil
  ActiveRecord::Migrator.new(direction, migrations, ActiveRecord::SchemaMigration, version).migrate
end

def create
  connection = establish
  connection.create_table(:owners, id: :uuid, if_not_exists: true) do |t|
    t.string :name, limit: 30, null: false
    t.decimal :balance, precision: 9, scale: 2, default: 0
    t.integer :visits, default: 0
    t.jsonb :data
    t.datetime :joined_at
  end
  connection.create_table(:pets, id: :uuid, if_not_exists: true) do |t|
    t.string :name
    t.uuid :owner_id
  end
  [Owner, Pet].each(&:reset_column_information)
  Pet.delete_all
  Owner.delete_all
end

def with_retry
  tries = 0
  begin
    ActiveRecord::Base.transaction { yield }
  rescue ActiveRecord::SerializationFailure
    (tries += 1) < 100 ? retry : raise
  end
end

main "activerecord #{ActiveRecord::VERSION::STRING}, pg #{PG::VERSION}", {
  connect: lambda {
    equal establish.select_value("SELECT current_user"), "admin"
    raises(ActiveRecord::ConnectionNotEstablished) { establish(sslrootcert: OTHER_CA) }
  },
  recipe: lambda {
    create
    john = Owner.create!(name: "John Doe", balance: "12.5", data: { "tags" => [1] }, joined_at: Time.utc(2024, 2, 29))
    john.pets.create!(name: "Rex")
    found = Owner.includes(:pets).find_by!(name: "John Doe")
    equal [found.balance, found.data, found.joined_at, found.pets.map(&:name)], [BigDecimal("12.5"), { "tags" => [1] }, Time.utc(2024, 2, 29), ["Rex"]]
    equal Pet.joins(:owner).where(owners: { name: "John Doe" }).count, 1
    Owner.transaction { (1..50).each { |n| Owner.create!(name: "owner #{n}") } }
    equal Owner.where("name LIKE 'owner%'").delete_all, 50
    equal Owner.group(:name).count, { "John Doe" => 1 }
    raises(ActiveRecord::NotNullViolation) { Owner.create! }
  },
  transaction: lambda {
    create
    owner = Owner.create!(name: "a")
    Owner.transaction do
      owner.update!(visits: 7)
      raise ActiveRecord::Rollback
    end
    equal owner.reload.visits, 0
  },
  conflict: lambda {
    create
    owner = Owner.create!(name: "counter")
    tries = 0
    with_retry do
      found = Owner.find(owner.id)
      if (tries += 1) == 1
        Thread.new { ActiveRecord::Base.connection_pool.with_connection { Owner.where(id: owner.id).update_all("visits = visits + 10") } }.join
      end
      found.update!(visits: found.visits + 1)
    end
    equal [tries, owner.reload.visits], [2, 11]
  },
  pool: lambda {
    create
    owner = Owner.create!(name: "counter")
    threads = Array.new(8) do
      Thread.new do
        ActiveRecord::Base.connection_pool.with_connection do
          5.times { with_retry { Owner.where(id: owner.id).update_all("visits = visits + 1") } }
        end
      end
    end
    threads.each(&:join)
    equal owner.reload.visits, 40
  },
  reconnect: lambda {
    establish
    sleep CONNECTION_AGE + 1
    # What Rails does at the beginning of each request.
    ActiveRecord::Base.clear_active_connections!
    equal ActiveRecord::Base.connection.select_value("SELECT 1"), 1
  },
  introspection: lambda {
    create
    connection = ActiveRecord::Base.connection
    equal (%w[owners pets] - connection.tables), []
    columns = connection.columns(:owners).to_h { |column| [column.name, column.sql_type] }
    equal columns.slice("id", "name", "balance", "data"),
          { "id" => "uuid", "name" => "character varying(30)", "balance" => "numeric(9,2)", "data" => "jsonb" }
    connection.execute("CREATE TABLE IF NOT EXISTS parts (id int PRIMARY KEY, owner uuid REFERENCES owners, code text UNIQUE)")
    equal connection.foreign_keys(:parts).map { |key| [key.column, key.to_table] }, [%w[owner owners]]
    equal connection.indexes(:parts).map { |index| [index.columns, index.unique] }, [[["code"], true]]
    equal connection.table_exists?(:no_such_table), false
    connection.execute("DROP TABLE parts")
    output = StringIO.new
    ActiveRecord::SchemaDumper.dump(connection, output)
    equal output.string.include?('create_table "owners"'), true
  },
  migration: lambda {
    connection = establish
    migrate(:up)
    equal connection.columns(:creatures).map(&:name), %w[id name kind]
    equal ActiveRecord::SchemaMigration.pluck(:version).sort, %w[1 2]
    migrate(:up)
    connection.execute("INSERT INTO creatures (id, name, kind) VALUES (gen_random_uuid(), 'Rex', 'dog')")
    migrate(:down)
    equal connection.select_rows("SELECT name, sort FROM creatures"), [%w[Rex dog]]
    equal ActiveRecord::SchemaMigration.pluck(:version), %w[1]
  },
}
