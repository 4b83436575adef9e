<?php
// phpredis as Laravel uses it: a cache, locks, a queue of jobs with its scripts; and its own pipelines, transactions, walks and messages.
[$host, $port] = explode(':', $argv[1]);
function must($fact, string $what): void
{
    if (!$fact) {
        throw new Exception("not so: $what");
    }
}
$redis = new Redis();
$redis->connect($host, (int) $port);
// The cache: values with a time, many at once, numbers, one of two who add.
must($redis->setex('laravel_cache:a', 60, serialize(['a' => 1])), 'stored');
must(unserialize($redis->get('laravel_cache:a')) === ['a' => 1], 'read');
must($redis->mset(['laravel_cache:b' => 1, 'laravel_cache:c' => 2]), 'many stored');
must($redis->mget(['laravel_cache:b', 'laravel_cache:zork', 'laravel_cache:c']) === ['1', false, '2'], 'many read');
must($redis->incrBy('laravel_cache:n', 5) === 5 && $redis->decrBy('laravel_cache:n', 2) === 3, 'counted');
$add = "return redis.call('exists',KEYS[1])<1 and redis.call('setex',KEYS[1],ARGV[2],ARGV[1])";
must($redis->eval($add, ['laravel_cache:add', 'x', 60], 1), 'added');
must(!$redis->eval($add, ['laravel_cache:add', 'y', 60], 1), 'added once');
// Locks.
$release = 'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end';
must($redis->set('laravel_lock', 'me', ['nx', 'ex' => 10]), 'locked');
must(!$redis->set('laravel_lock', 'you', ['nx', 'ex' => 10]), 'locked once');
must($redis->eval($release, ['laravel_lock', 'you'], 1) === 0 && $redis->eval($release, ['laravel_lock', 'me'], 1) === 1, 'released by its owner');
// The queue.
$queue = 'queues:{default}';
$push = "redis.call('rpush', KEYS[1], ARGV[1]) redis.call('rpush', KEYS[2], 1)";
$pop = "local job = redis.call('lpop', KEYS[1]) local reserved = false if job ~= false then reserved = cjson.decode(job) "
    . "reserved['attempts'] = reserved['attempts'] + 1 reserved = cjson.encode(reserved) redis.call('zadd', KEYS[2], ARGV[1], reserved) "
    . "redis.call('lpop', KEYS[3]) end return {job, reserved}";
$done = [];
for ($number = 0; $number < 50; $number++) {
    $redis->eval($push, [$queue, "$queue:notify", json_encode(['id' => $number, 'attempts' => 0])], 2);
}
while (true) {
    [$job, $reserved] = $redis->eval($pop, [$queue, "$queue:reserved", "$queue:notify", time() + 60], 3);
    if ($job === false) {
        break;
    }
    $done[] = json_decode($reserved, true)['id'];
    must($redis->zRem("$queue:reserved", $reserved) === 1, 'it was reserved');
}
must($done === range(0, 49), 'each job in turn');
must($redis->blPop(["$queue:notify"], 1) === [], 'nobody is called');
// Its own ways.
$replies = $redis->multi(Redis::PIPELINE)->set('p:a', 1)->incr('p:a')->get('p:a')->exec();
must($replies === [true, 2, '2'], 'a pipeline');
must($redis->multi()->set('{t}a', 1)->incr('{t}a')->exec() === [true, 2], 'a transaction');
$redis->watch('{t}a');
$other = new Redis();
$other->connect($host, (int) $port);
$other->set('{t}a', 9);
must($redis->multi()->set('{t}a', 1)->exec() === false, 'a watched key has changed');
$redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
$found = [];
$cursor = null;
while ($keys = $redis->scan($cursor, 'laravel_cache:*')) {
    array_push($found, ...$keys);
}
must(count(array_unique($found)) === 5, 'a walk');
echo "done: a cache, a lock, 50 jobs, a transaction, a walk\n";
