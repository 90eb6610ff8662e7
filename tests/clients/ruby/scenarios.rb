# Runs the scenarios that the command line names and prints one line for each: `pass NAME`, or
# `fail NAME: what went wrong`; the backtrace goes to the standard error output.

require "open3"

HOST = ENV.fetch("CLUSTER_ENDPOINT")
PORT = ENV.fetch("PGPORT")
CA = ENV.fetch("PGSSLROOTCERT")
# A certificate authority that did not sign the server's certificate.
OTHER_CA = ENV.fetch("OTHER_CA")
# Seconds after which the server ends a connection, where `reconnect` runs.
CONNECTION_AGE = Float(ENV.fetch("CONNECTION_AGE", "3600"))

# A token. Debian has no AWS SDK for Ruby, so the server's own command line makes it.
def token
  text, status = Open3.capture2(ENV.fetch("BOREALIS_BIN"), "token", "--data-dir", ENV.fetch("DATA_DIR"))
  raise "no token" unless status.success?
  text.strip
end

def equal(found, expected)
  raise "#{found.inspect} instead of #{expected.inspect}" unless found == expected
end

# The error of a block, which must be of this kind.
def raises(kind)
  begin
    yield
  rescue kind => error
    return error
  end
  raise "no #{kind}"
end

def main(client, scenarios)
  puts "client #{client}"
  failed = false
  ARGV.map(&:to_sym).each do |name|
    next unless scenarios.key?(name)
    begin
      scenarios[name].call
      puts "pass #{name}"
    rescue StandardError => error
      failed = true
      warn error.full_message(highlight: false)
      puts "fail #{name}: #{error.class}: #{error.message.split.join(" ")}"
    end
  end
  exit(failed ? 1 : 0)
end
