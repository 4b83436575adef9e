<?php
// phpredis as Laravel uses it, while the primary of its keys is killed: a counter, a lock, and a queue whose jobs are reserved until they are done.
//
// phpredis throws what it is told UNKNOWN. A job that was taken then is among the reserved, and is queued again when its time is over, as Laravel does it (`retry_after`);
// it may be done twice. So may one whose pushing is UNKNOWN and is pushed again.
[$host, $port] = explode(':', $argv[1]);
function must($fact, string $what): void
{
    if (!$fact) {
        throw new Exception("not so: $what");
    }
}
$unknown = 0;
function known(callable $action)
{
    global $unknown;
    try {
        return $action();
    } catch (RedisException $error) {
        must(str_starts_with($error->getMessage(), 'UNKNOWN '), $error->getMessage());
        $unknown++;
        return null;
    }
}
$redis = new Redis();
$redis->connect($host, (int) $port);
$redis->setOption(Redis::OPT_MAX_RETRIES, 3);
$queue = 'queues:{default}';
$push = "redis.call('rpush', KEYS[1], ARGV[1]) redis.call('rpush', KEYS[2], 1) return 1";
$pop = "local job = redis.call('lpop', KEYS[1]) local reserved = false if job ~= false then reserved = cjson.decode(job) "
    . "reserved['attempts'] = reserved['attempts'] + 1 reserved = cjson.encode(reserved) redis.call('zadd', KEYS[2], ARGV[1], reserved) "
    . "redis.call('lpop', KEYS[3]) end return {job, reserved}";
$expire = "local val = redis.call('zrangebyscore', KEYS[1], '-inf', ARGV[1]) if next(val) ~= nil then "
    . "redis.call('zremrangebyrank', KEYS[1], 0, #val - 1) redis.call('rpush', KEYS[2], unpack(val)) end return #val";
$release = 'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end';
$redis->set("$queue:marker", 1);
must($redis->set('{default}held', 'me', ['nx', 'ex' => 60]), 'a lock before');
stream_set_blocking(STDIN, false);
$pushed = [];
$done = [];
$counted = $maybe = 0;
echo "kill $queue:marker\n";
$isOver = false;
$work = function () use (&$done, $redis, $queue, $pop, $expire) {
    known(fn () => $redis->eval($expire, ["$queue:reserved", $queue, microtime(true)], 2));
    $taken = known(fn () => $redis->eval($pop, [$queue, "$queue:reserved", "$queue:notify", microtime(true) + 1], 3));
    if (is_array($taken) && $taken[0] !== false) {
        $id = json_decode($taken[1], true)['id'];
        $done[$id] = ($done[$id] ?? 0) + 1;
        known(fn () => $redis->zRem("$queue:reserved", $taken[1]));
    }
};
for ($number = 0; !$isOver || $number < 200; $number++) {
    $isOver = $isOver || str_contains((string) fgets(STDIN), 'whole');
    $job = json_encode(['id' => $number, 'attempts' => 0]);
    while (!known(fn () => $redis->eval($push, [$queue, "$queue:notify", $job], 2))) {
    }
    $pushed[] = $number;
    $work();
    known(fn () => $redis->incr('{default}count')) ? $counted++ : $maybe++;
    must(!known(fn () => $redis->set('{default}held', 'you', ['nx', 'ex' => 60])), 'who holds the lock holds it');
    usleep(2000);
}
for ($ends = microtime(true) + 20; array_diff($pushed, array_keys($done)); usleep(5000)) {
    must(microtime(true) < $ends, 'lost: ' . json_encode(array_diff($pushed, array_keys($done))));
    $work();
}
$count = (int) $redis->get('{default}count');
must($counted <= $count && $count <= $counted + $maybe, "counted $counted, unknown $maybe, is $count");
must($redis->eval($release, ['{default}held', 'me'], 1) === 1, 'the lock is its owner\'s');
$twice = count(array_filter($done, fn ($times) => $times > 1));
must($twice <= $unknown, "$twice were done twice, UNKNOWN came $unknown times");
echo 'done: ' . count($pushed) . " jobs, UNKNOWN came $unknown times, $twice done twice\n";
