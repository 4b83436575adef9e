//! As what the proxy shows itself: one server, or a cluster of one node. All that follows from it is decided here.
//! Pure. Invariant: HELLO, INFO, CONFIG GET, CLUSTER and what is refused say the same.

use shared::command::{CommandId, CommandSpec};
use shared::config::PresentAs;
use shared::resp::{Args, ErrorReply, is_word, parse_integer};

use crate::route;

/// What HELLO and INFO call the mode.
pub(super) fn mode(present_as: PresentAs) -> &'static str {
    present_as.as_str()
}

/// `cluster_enabled` of INFO.
fn cluster_enabled(present_as: PresentAs) -> &'static str {
    match present_as {
        PresentAs::Standalone => "0",
        PresentAs::Cluster => "1",
    }
}

/// `cluster-enabled` of CONFIG GET.
pub(super) fn cluster_setting(present_as: PresentAs) -> &'static str {
    match present_as {
        PresentAs::Standalone => "no",
        PresentAs::Cluster => "yes",
    }
}

/// The fields of INFO that say it.
pub(crate) fn info_fields(present_as: PresentAs) -> [(&'static str, String); 2] {
    [
        ("redis_mode", mode(present_as).to_owned()),
        ("cluster_enabled", cluster_enabled(present_as).to_owned()),
    ]
}

/// Why the command is not possible for a server of this kind; as Redis 7.0 says it.
pub(super) fn objection(
    present_as: PresentAs,
    spec: &CommandSpec,
    args: Args<'_>,
) -> Option<ErrorReply> {
    match present_as {
        PresentAs::Standalone => {
            route::is_of_clusters(spec.id).then_some(ErrorReply::ClusterDisabled)
        }
        PresentAs::Cluster => {
            let what = database_change(spec, args)?;
            Some(ErrorReply::NotInCluster(what))
        }
    }
}

/// A cluster has one database. What would need another one, as Redis calls it.
fn database_change(spec: &CommandSpec, args: Args<'_>) -> Option<&'static str> {
    let is_other = |number: &[u8]| parse_integer(number).is_some_and(|number| number != 0);
    match spec.id {
        CommandId::Select => is_other(args.at(1)).then_some("SELECT"),
        CommandId::Swapdb => Some("SWAPDB"),
        CommandId::Move => Some("MOVE"),
        CommandId::Copy => {
            let mut options = 3..args.len().saturating_sub(1);
            let names_other =
                options.any(|at| is_word(args.at(at), "db") && is_other(args.at(at + 1)));
            names_other.then_some("Copying to another database")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::command;
    use shared::resp::{RequestBatch, RequestLimits, RequestScanner, encode_request};

    fn said(present_as: PresentAs, line: &str) -> Option<String> {
        let mut frame = Vec::new();
        encode_request(&mut frame, line.split(' ').collect::<Vec<_>>());
        let mut batch = RequestBatch::default();
        RequestScanner::new(RequestLimits::AUTHENTICATED)
            .scan(&mut frame, &mut batch, 1)
            .unwrap();
        let args = batch.args(&frame, &batch.requests()[0]);
        let spec = command::resolve(args).unwrap();
        objection(present_as, spec, args).map(|error| error.to_string())
    }

    #[test]
    fn one_server_has_no_cluster_and_a_cluster_has_one_database() {
        let disabled = Some("ERR This instance has cluster support disabled".to_owned());
        for line in [
            "CLUSTER INFO",
            "CLUSTER HELP",
            "CLUSTER MEET a 1",
            "READONLY",
            "READWRITE",
            "ASKING",
        ] {
            assert_eq!(said(PresentAs::Standalone, line), disabled, "{line}");
            assert_eq!(said(PresentAs::Cluster, line), None, "{line}");
        }
        for (line, what) in [
            ("SELECT 1", "SELECT"),
            ("SELECT -1", "SELECT"),
            ("SWAPDB 0 0", "SWAPDB"),
            ("MOVE a 0", "MOVE"),
            ("COPY a b REPLACE DB 2", "Copying to another database"),
        ] {
            let error = format!("ERR {what} is not allowed in cluster mode");
            assert_eq!(said(PresentAs::Cluster, line), Some(error), "{line}");
            assert_eq!(said(PresentAs::Standalone, line), None, "{line}");
        }
        for line in [
            "SELECT 0",
            "SELECT x",
            "COPY a b DB 0",
            "COPY db 1",
            "GET a",
        ] {
            assert_eq!(said(PresentAs::Cluster, line), None, "{line}");
        }
    }
}
