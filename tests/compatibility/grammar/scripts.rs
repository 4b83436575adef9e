//! Scripts that carry out commands about keys of one slot, and answer with what these say, in several forms.
//! Pure.

use super::super::compare;
use super::super::draw::{Draw, Request, request};
use super::{Step, transactions};

/// What is made of the command in ARGV, and by which command that is asked.
const FORMS: &[(&str, &str)] = &[
    ("EVAL", "return redis.call(unpack(ARGV))"),
    ("EVAL", "return redis.pcall(unpack(ARGV))"),
    ("EVAL", "redis.setresp(3) return redis.pcall(unpack(ARGV))"),
    (
        "EVAL",
        "local reply = redis.pcall(unpack(ARGV)) return {type(reply), reply}",
    ),
    ("EVAL", "return cjson.encode({redis.pcall(unpack(ARGV))})"),
    (
        "EVAL",
        "local fine, reply = pcall(redis.call, unpack(ARGV)) return {tostring(fine), reply}",
    ),
    ("EVAL_RO", "return redis.pcall(unpack(ARGV))"),
    ("EVAL_RO", "return {redis.call(unpack(ARGV)), KEYS[1]}"),
];

/// Two commands, the first of so many words as ARGV[1] says.
const BOTH: &str = "local first, second = {}, {} \
    for at = 2, #ARGV do local list = at <= ARGV[1] + 1 and first or second list[#list + 1] = ARGV[at] end \
    return {redis.pcall(unpack(first)), redis.pcall(unpack(second)), #ARGV}";

/// Draws a script.
pub(super) fn draw(draw: &mut Draw) -> Step {
    let inner = inner(draw);
    let mut request = if draw.dice.percent(25) {
        let mut request = request!["EVAL", BOTH, "1", "{a}1", inner.len().to_string()];
        request.extend(inner);
        request.extend(self::inner(draw));
        request
    } else {
        let (command, script) = *draw.dice.pick(FORMS);
        let mut request = request![command, script, "1", "{a}1"];
        request.extend(inner);
        request
    };
    request[0] = draw.any_case(&request[0]);
    Step::plain(request)
}

/// A command about keys of one slot whose reply is always the same.
pub(super) fn inner(draw: &mut Draw) -> Request {
    loop {
        let request = transactions::inner(draw);
        if compare::is_exact(&request) {
            return request;
        }
    }
}
