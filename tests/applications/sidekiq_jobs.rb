# Sidekiq: a process of it works off jobs, some of them scheduled, and is seen in its statistics.
require 'sidekiq'
require 'sidekiq/api'
require 'sidekiq/scheduled'
require 'tempfile'

# The process is started with the address in its environment, for its arguments are Sidekiq's.
address = ENV['SIDEKIQ_ADDRESS'] || ARGV[0]
JOBS = 40
Sidekiq.configure_server { |config| config.redis = { url: "redis://#{address}/0" } }
Sidekiq.configure_client { |config| config.redis = { url: "redis://#{address}/0" } }

# Writes down that it was done.
class Note
  include Sidekiq::Worker

  def perform(number)
    File.open(ENV.fetch('SIDEKIQ_DONE'), 'a') { |file| file.write("#{number}\n") }
  end
end

def await(fact, seconds = 40)
  ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  until yield
    raise "not so: #{fact}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > ends

    sleep 0.02
  end
end

if $PROGRAM_NAME == __FILE__
  done = Tempfile.new('done')
  environment = { 'SIDEKIQ_ADDRESS' => address, 'SIDEKIQ_DONE' => done.path }
  server = spawn(environment, 'sidekiq', '-r', File.expand_path(__FILE__), '-c', '2', '-e', 'test', in: :close, out: $stderr)
  begin
    (0...JOBS).each { |number| Note.perform_async(number) }
    Note.perform_in(0.1, JOBS)
    # As each process of Sidekiq does it every few seconds.
    await('it is due') do
      Sidekiq::Scheduled::Enq.new.enqueue_jobs
      Sidekiq::ScheduledSet.new.size.zero?
    end
    await('each is done') { File.readlines(done.path).map(&:to_i).sort == (0..JOBS).to_a }
    raise 'one process' unless Sidekiq::ProcessSet.new.size == 1
    raise 'nothing is left' unless Sidekiq::Queue.new.size.zero? && Sidekiq::ScheduledSet.new.size.zero?
  ensure
    Process.kill('TERM', server)
    Process.wait(server)
  end
  # Told every ten seconds, and at the end.
  raise 'it is counted' unless Sidekiq::Stats.new.processed == JOBS + 1

  puts "done: #{JOBS} jobs, one of them later"
end
