//! Who gets in, by the compose file: each password is sent by those whose business it is, and nobody may more than he needs.

use std::collections::BTreeMap;

use super::compose::{MINIMAL, Service, services, services_with, strings};
use super::files::service;
use super::running::PASSWORDS;

/// All that a service may say. Another word may be a right that it has no need of, as `user`, `privileged` or `cap_add`.
const KNOWN_WORDS: &[&str] = &[
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "env_file",
    "environment",
    "healthcheck",
    "image",
    "logging",
    "mem_limit",
    "memswap_limit",
    "networks",
    "ports",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "stop_signal",
    "ulimits",
    "volumes",
];

/// Settings of Grafana that let nobody do more than look, whatever their value.
const HARMLESS_TO_GRAFANA: &[&str] = &[
    "GF_ANALYTICS_CHECK_FOR_UPDATES",
    "GF_ANALYTICS_REPORTING_ENABLED",
    "GF_AUTH_ANONYMOUS_ENABLED",
    "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH",
];

#[test]
fn each_password_is_sent_by_those_who_are_asked_for_it() {
    let mut asked_by_role = BTreeMap::new();
    for service in services_with(PASSWORDS).iter().filter(|s| s.is_server()) {
        let name = &service.name;
        let environment = service.environment();
        let word = |variable: &str| environment.get(variable).map_or("", String::as_str);
        let role = service.role();
        let asked = word(&format!("SWITCHYARD_{}_REQUIREPASS", role.to_uppercase()));
        let sent_to_nodes = word("SWITCHYARD_PROXY_NODE_PASSWORD");
        match role.as_str() {
            "node" => assert_eq!(asked, "of-nodes", "{name}"),
            _ => assert_eq!(
                (asked, sent_to_nodes),
                ("of-applications", "of-nodes"),
                "{name}"
            ),
        }
        assert_eq!(
            word("SWITCHYARD_CHECK_PASSWORD"),
            asked,
            "{name}: its health check is refused"
        );
        asked_by_role.insert(role, asked.to_owned());
    }
    assert_eq!(asked_by_role.len(), 2, "of nodes and of proxies");
    for (variables, password, send) in [(PASSWORDS, "of-applications", "yes"), (&[], "", "")] {
        let all = services_with(variables);
        let of = |name: &str| {
            let found = all.iter().find(|service| service.name == name);
            found.expect("a service").environment()
        };
        // Its checks ask as applications do.
        let haproxy = of("haproxy");
        assert_eq!(haproxy["APPLICATIONS_PASSWORD"], password);
        assert_eq!(haproxy["APPLICATIONS_SEND_PASSWORD"], send);
        let cache = of(MINIMAL);
        assert_eq!(cache["SWITCHYARD_PROXY_REQUIREPASS"], password);
        assert_eq!(cache["SWITCHYARD_CHECK_PASSWORD"], password);
    }
}

#[test]
fn without_passwords_containers_reach_each_other_all_the_same() {
    for service in services().iter().filter(|service| service.is_server()) {
        let name = &service.name;
        assert_eq!(service.setting("REQUIREPASS"), "", "{name}");
        // `port_of` has seen that it listens to other machines, which containers are to each other.
        assert!(service.client_port() > 0, "{name}");
        assert_eq!(
            service.printed("protected-mode"),
            "false",
            "{name}: where nobody needs a password, strangers are refused, and everybody is one"
        );
    }
}

#[test]
fn nobody_has_rights_that_he_does_not_need() {
    for service in services() {
        let name = &service.name;
        for word in service.value.as_object().expect("words").keys() {
            assert!(KNOWN_WORDS.contains(&word.as_str()), "{name}: {word}");
        }
        assert_eq!(strings(&service.value["cap_drop"]), ["ALL"], "{name}");
        let security = strings(&service.value["security_opt"]);
        assert_eq!(security, ["no-new-privileges:true"], "{name}");
        // Grafana unpacks what it needs at its start.
        assert_eq!(
            service.value["read_only"] == true,
            name != "grafana",
            "{name}"
        );
    }
}

#[test]
fn who_looks_at_grafana_without_a_name_may_only_look() {
    let grafana = service("grafana");
    assert_eq!(grafana.environment()["GF_AUTH_ANONYMOUS_ENABLED"], "true");
    for (name, value) in grafana.environment() {
        let may = match name.as_str() {
            "GF_AUTH_ANONYMOUS_ORG_ROLE" => value == "Viewer",
            "GF_SECURITY_ADMIN_PASSWORD" => !value.is_empty(),
            other => HARMLESS_TO_GRAFANA.contains(&other),
        };
        assert!(may, "{name}={value}");
    }
    let with_password = services_with(&[("GRAFANA_PASSWORD", "of-grafana")]);
    let set: Vec<&Service> = with_password
        .iter()
        .filter(|service| {
            let environment = service.environment();
            environment.values().any(|value| value == "of-grafana")
        })
        .collect();
    assert_eq!(set.len(), 1, "nobody else has its password");
}
