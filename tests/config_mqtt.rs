//! Is every mistake about MQTT told with its line and what to write instead?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use paging::config::{Part, diff};
use written::{good, says, says_all};

const USER: &str = "[user:home]\nrole = operator\n";

#[test]
fn each_mistake_has_its_line_and_a_remedy() {
    says(
        "[mqtt]\nbroker = localhost",
        "paging.conf:2: [mqtt] broker = localhost: not a broker; write mqtts://HOST, or \
         mqtt://HOST:1883 without encryption",
    );
    says(
        "[mqtt]\nbroker = mqtt://b\ntopic = a/#",
        "paging.conf:3: [mqtt] topic = a/#: not a topic; write letters, digits, - and _, with / \
         between, e.g. paging/school",
    );
    says(
        "[mqtt]\nbroker = mqtt://b\nuser = hoem\n[user:home]\npass = x",
        "paging.conf:3: warning: [mqtt] user = hoem: there is no such user, so no command is \
         obeyed; did you mean home? Else write a section [user:hoem]",
    );
    says(
        "[mqtt]\nlogin = me",
        "paging.conf:2: warning: [mqtt] login = me: there is no broker, so nothing is told; write \
         broker = mqtts://HOST",
    );
    says_all(
        "[mqtt]\nbroker = mqtt://b\npass = hunter2\ntls-ca = x",
        &[
            "paging.conf:2: warning: [mqtt] broker = mqtt://b: the password crosses the network \
             unencrypted; write mqtts://HOST if the broker can",
            "paging.conf:3: warning: [mqtt] pass = ****: there is no login that it is of; write \
             login = NAME",
            "paging.conf:4: warning: [mqtt] tls-ca = x: counts only over TLS; write broker = \
             mqtts://HOST",
        ],
    );
    says(
        "[mqtt]\nbroker = mqtts://b\ntls-cert = x",
        "paging.conf:3: warning: [mqtt] tls-cert = x: has no key, so it is not shown; write \
         tls-key = FILE",
    );
}

#[test]
fn a_user_for_the_broker_alone_needs_neither_password_nor_token() {
    let config = good(&format!("[mqtt]\nbroker = mqtt://b\nuser = home\n{USER}"));
    assert_eq!(config.mqtt.user, "home");
    let mqtt = "[mqtt]\nbroker = mqtt://localhost\nlogin = a\npass = b\n";
    let (old, new) = (good("[sip]\n"), good(mqtt));
    let changes = diff(&old, &new);
    assert_eq!(changes.parts.into_iter().collect::<Vec<_>>(), [Part::Mqtt]);
}
