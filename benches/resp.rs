//! Micro benches of the RESP scanners: own code against `redis-protocol`. Time per iteration is for one batch; throughput counts requests or replies.
//!
//! `cargo bench --bench resp`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redis_protocol::{resp2, resp3};
use shared::resp::{
    Protocol, ReplyScanner, ReplyWriter, RequestBatch, RequestLimits, RequestScanner,
    encode_request,
};

/// Requests or replies in a batch: what a client with a deep pipeline sends at once.
const BATCH: usize = 100;

/// A named stream of so many requests or replies.
struct Stream {
    name: &'static str,
    count: usize,
    bytes: Vec<u8>,
}

fn request_streams() -> Vec<Stream> {
    let stream = |name, args: &[&[u8]]| {
        let mut bytes = Vec::new();
        for _ in 0..BATCH {
            encode_request(&mut bytes, args);
        }
        Stream {
            name,
            count: BATCH,
            bytes,
        }
    };
    let key = b"key:000000012345";
    let keys = vec![key.as_slice(); 100];
    let mget = [vec![b"MGET".as_slice()], keys].concat();
    vec![
        stream("get", &[b"GET", key]),
        stream("set_32", &[b"SET", key, &[b'v'; 32]]),
        stream("set_1000", &[b"SET", key, &[b'v'; 1000]]),
        stream("mget_100", &mget),
    ]
}

fn reply_streams() -> Vec<Stream> {
    let stream = |name, write: &dyn Fn(&mut ReplyWriter<'_>)| {
        let mut bytes = Vec::new();
        for _ in 0..BATCH {
            write(&mut ReplyWriter::new(&mut bytes, Protocol::Resp2));
        }
        Stream {
            name,
            count: BATCH,
            bytes,
        }
    };
    vec![
        stream("ok", &|reply| {
            reply.ok();
        }),
        stream("integer", &|reply| reply.integer(123_456)),
        stream("bulk_32", &|reply| reply.bulk(&[b'v'; 32])),
        stream("bulk_1000", &|reply| reply.bulk(&[b'v'; 1000])),
        stream("array_100", &|reply| {
            reply.array(100);
            for _ in 0..100 {
                reply.bulk(&[b'v'; 32]);
            }
        }),
    ]
}

fn requests(criterion: &mut Criterion) {
    for Stream { name, count, bytes } in request_streams() {
        let mut group = criterion.benchmark_group(format!("request/{name}"));
        group.throughput(Throughput::Elements(count as u64));
        let mut buffer = bytes.clone();
        let mut batch = RequestBatch::default();
        let mut scanner = RequestScanner::new(RequestLimits::AUTHENTICATED);
        group.bench_function("own", |bencher| {
            bencher.iter(|| {
                batch.clear();
                let result = scanner.scan(black_box(&mut buffer), &mut batch, usize::MAX);
                assert_eq!((result, batch.requests().len()), (Ok(()), count));
                scanner.dropped(scanner.finished_bytes());
            });
        });
        group.bench_function("redis_protocol", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(bytes.as_slice());
                while let Ok(Some((frame, end))) = resp2::decode::decode_range(rest) {
                    black_box(frame);
                    rest = &rest[end..];
                }
            });
        });
        group.finish();
    }
}

fn replies(criterion: &mut Criterion) {
    for Stream { name, count, bytes } in reply_streams() {
        let mut group = criterion.benchmark_group(format!("reply/{name}"));
        group.throughput(Throughput::Elements(count as u64));
        let mut scanner = ReplyScanner::default();
        group.bench_function("own", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(bytes.as_slice());
                while let Ok(Some(end)) = scanner.scan(rest) {
                    rest = &rest[end..];
                }
            });
        });
        group.bench_function("redis_protocol_2", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(bytes.as_slice());
                while let Ok(Some((frame, end))) = resp2::decode::decode_range(rest) {
                    black_box(frame);
                    rest = &rest[end..];
                }
            });
        });
        group.bench_function("redis_protocol_3", |bencher| {
            bencher.iter(|| {
                let mut rest = black_box(bytes.as_slice());
                while let Ok(Some((frame, end))) = resp3::decode::complete::decode_range(rest) {
                    black_box(frame);
                    rest = &rest[end..];
                }
            });
        });
        group.finish();
    }
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut out = Vec::with_capacity(64 * 1024);
    let mut bench = |name, write: &dyn Fn(&mut ReplyWriter<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut reply = ReplyWriter::new(black_box(&mut out), Protocol::Resp2);
                for _ in 0..BATCH {
                    write(&mut reply);
                }
            });
        });
    };
    bench("integer_1", &|reply| reply.integer(black_box(1)));
    bench("integer_123456", &|reply| {
        reply.integer(black_box(123_456));
    });
    bench("bulk_32", &|reply| reply.bulk(black_box(&[b'v'; 32])));
    bench("double", &|reply| reply.double(black_box(0.1)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = requests, replies, writing
}
criterion_main!(benches);
