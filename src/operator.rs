//! What an operator wants of a running proxy: `switchyard topology failover` and `advise`, and `show` without a file.
//! Reaches: the proxy's admin listener, standard input where somebody must agree. Never: gives up acknowledged writes before it has said what that means and
//! somebody has agreed.

use crate::admin_call::Admin;
use crate::topology_args::{AdminArguments, FailoverArguments};
use crate::{answer, answer_if_read};
use shared::config::Secret;
use shared::topology::{LONGEST_PROOF, Proof, ShardId};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::sync::mpsc;
use std::time::Duration;
use switchyard::Failure;

/// Between two looks at the topology.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Longest line that is read from standard input.
const LONGEST_LINE: u64 = LONGEST_PROOF as u64 + 100;

impl AdminArguments {
    pub(crate) fn admin(&self) -> Result<Admin, Failure> {
        let password = self.password.as_deref().unwrap_or_default();
        if password.contains(char::is_control) {
            return Err(Failure::Usage(
                "--password: a password with control characters cannot be sent over HTTP"
                    .to_owned(),
            ));
        }
        Ok(Admin {
            address: self.address(),
            password: Secret::new(password),
        })
    }
}

/// `switchyard topology failover`.
pub(crate) fn fail_over(arguments: &FailoverArguments) -> Result<(), Failure> {
    let admin = arguments.admin.admin()?;
    let shard = &arguments.shard;
    if arguments.accept_loss {
        let proof = agreed_proof(arguments)?;
        let path = format!("/topology/accept-loss?shard={shard}");
        return answer(&admin.order(&path, proof.as_str())?);
    }
    let mut path = format!("/topology/failover?shard={shard}");
    if let Some(node) = &arguments.to {
        path.push_str(&format!("&to={node}"));
    }
    if let Some(epoch) = arguments.epoch {
        path.push_str(&format!("&epoch={epoch}"));
    }
    answer(&admin.order(&path, "")?)
}

/// `switchyard topology show` of a running proxy.
pub(crate) fn show(arguments: &AdminArguments, watch: bool) -> Result<(), Failure> {
    const TABLE: &str = "/topology?as=table";
    let admin = arguments.admin()?;
    let mut last = admin.get(TABLE)?;
    let mut is_read = answer_if_read(&last)?;
    // Nobody says anything: it is for its deadline.
    let (_silent, nothing) = mpsc::channel::<()>();
    while watch && is_read {
        nothing.recv_timeout(LOOK_EVERY).ok();
        // The proxy may be started again meanwhile.
        let now = admin
            .get(TABLE)
            .unwrap_or_else(|failure| failure.in_words());
        if now != last {
            is_read = answer_if_read(&format!("\n{now}"))?;
            last = now;
        }
    }
    Ok(())
}

/// `switchyard topology advise`.
pub(crate) fn advise(arguments: &AdminArguments, json: bool) -> Result<(), Failure> {
    let kind = if json { "json" } else { "text" };
    let path = format!("/topology/advice?as={kind}");
    answer(&arguments.admin()?.get_as_operator(&path)?)
}

/// The proof with which somebody agrees that writes are given up.
fn agreed_proof(arguments: &FailoverArguments) -> Result<Proof, Failure> {
    let is_terminal = io::stdin().is_terminal();
    let mut input = BufReader::new(io::stdin());
    let mut out = io::stderr();
    let shard = &arguments.shard;
    let proof = match &arguments.proof {
        Some(proof) => proof.clone(),
        None if is_terminal => {
            let question = format!(
                "Why can the nodes of shard {shard} that do not answer not be alive? In a line: "
            );
            let line = asked(&mut input, &mut out, &question).map_err(unreadable)?;
            line.parse()
                .map_err(|error| Failure::Usage(format!("nothing is changed: {error}")))?
        }
        None => {
            return Err(Failure::Usage(
                "--accept-loss needs --proof TEXT where nobody is there to be asked: why the nodes that do not answer cannot be alive".to_owned(),
            ));
        }
    };
    // Who asked for it reads it, or does not want to.
    writeln!(out, "{}", meaning(shard, &proof)).ok();
    if !arguments.yes {
        let question = format!("Type {shard} to go on: ");
        let line = asked(&mut input, &mut out, &question).map_err(unreadable)?;
        if line.trim() != shard.as_str() {
            return Err(Failure::Usage(format!(
                "nothing is changed: the name of the shard, {shard}, was not typed; --yes goes on without it"
            )));
        }
    }
    Ok(proof)
}

fn unreadable(source: io::Error) -> Failure {
    Failure::System {
        what: "read standard input",
        source,
    }
}

/// What giving up acknowledged writes means.
fn meaning(shard: &ShardId, proof: &Proof) -> String {
    format!(
        "Shard {shard} gives up every acknowledged write that only nodes have which do not answer now; of those that answer, the one with most leads.\n\
         A node that is given up and lives on, cut off from the proxies, may go on acknowledging writes, and these are lost too: its machine must be off.\n\
         The topology keeps, for everybody to read, why it is: \"{proof}\""
    )
}

/// The line that is typed after a question.
fn asked(input: &mut impl BufRead, out: &mut impl Write, question: &str) -> io::Result<String> {
    write!(out, "{question}")?;
    out.flush()?;
    let mut line = String::new();
    input.take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_asked_for() {
        let mut out = Vec::new();
        let mut input = io::Cursor::new(b"it burnt\nmore".to_vec());
        let line = asked(&mut input, &mut out, "Why? ").unwrap();
        assert_eq!((line.as_str(), &*out), ("it burnt\n", &b"Why? "[..]));
        let mut endless = BufReader::new(io::repeat(b'x'));
        let line = asked(&mut endless, &mut out, "Why? ").unwrap();
        assert!(line.parse::<Proof>().is_err(), "longer than any");
        assert_eq!(asked(&mut io::empty(), &mut out, "Why? ").unwrap(), "");
    }
}
