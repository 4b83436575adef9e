# Sidekiq: jobs are pushed and worked off while the primary of its queue is killed, and each is done.
#
# - A process of Sidekiq that is told UNKNOWN asks again after a second, by itself.
# - A push that is UNKNOWN is made again here: that job may be done twice.
# - Sidekiq pops a job before it does it, and what it pops while its node dies is lost with it, as with any Redis (its documentation sells a safer fetch). A job that
#   is not done in time is pushed again here.
require 'sidekiq'
require 'tempfile'

address = ENV['SIDEKIQ_ADDRESS'] || ARGV[0]
Sidekiq.configure_server { |config| config.redis = { url: "redis://#{address}/0" } }
Sidekiq.configure_client { |config| config.redis = { url: "redis://#{address}/0" } }

# Writes down that it was done.
class Note
  include Sidekiq::Worker

  def perform(number)
    File.open(ENV.fetch('SIDEKIQ_DONE'), 'a') { |file| file.write("#{number}\n") }
  end
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

if $PROGRAM_NAME == __FILE__
  done = Tempfile.new('done')
  environment = { 'SIDEKIQ_ADDRESS' => address, 'SIDEKIQ_DONE' => done.path }
  server = spawn(environment, 'sidekiq', '-r', File.expand_path(__FILE__), '-c', '2', '-e', 'test', in: :close, out: $stderr)
  unknown = 0
  push = lambda do |number|
    Note.perform_async(number)
  rescue Redis::CommandError => e
    raise unless e.message.start_with?('UNKNOWN ')

    unknown += 1
    retry
  end
  times = -> { File.readlines(done.path).map(&:to_i).tally }
  await = lambda do |seconds, wanted|
    ends = now + seconds
    sleep 0.02 until now > ends || (wanted - times.call.keys).empty?
    wanted - times.call.keys
  end
  begin
    push.call(0)
    raise 'the process works' unless await.call(30, [0]).empty?

    Sidekiq.redis { |redis| redis.set('marker', 1) }
    is_over = false
    listener = Thread.new { is_over = $stdin.gets&.strip == 'whole' }
    puts 'kill marker'
    $stdout.flush
    number = 0
    until is_over && number >= 100
      number += 1
      push.call(number)
      sleep 0.01
    end
    again = await.call(5, (0..number).to_a)
    raise "#{again} are lost" if again.size > 2

    again.each(&push)
    raise 'each is done' unless await.call(20, again).empty?

    raise 'the process goes on' if Process.wait(server, Process::WNOHANG)
  ensure
    Process.kill('TERM', server)
    Process.wait(server)
    listener&.kill
  end
  twice = times.call.count { |_, count| count > 1 }
  raise "#{twice} were done twice" if twice > unknown + again.size

  puts "done: #{number} jobs, UNKNOWN came #{unknown} times, #{again.size} pushed again, #{twice} done twice"
end
