//! Which keys does `[mqtt]` have?

use crate::config::form;
use crate::config::keys::{Key, whole};

const MQTT: &str = "Home automation over MQTT";

pub(super) const KEYS: &[Key] = &[
    whole!(
        "mqtt",
        MQTT,
        "broker",
        Mqtt,
        mqtt.broker,
        form::BROKER,
        "",
        "The broker (MQTT 5) that is told how things stand and whose commands are taken:\n\
         mqtts://host over TLS, or mqtt://host. Empty: none. See docs/mqtt.md."
    ),
    whole!(
        "mqtt",
        MQTT,
        "login",
        Mqtt,
        mqtt.login,
        form::TEXT,
        "",
        "As whom we log in at the broker. Empty: without a name."
    ),
    Key {
        is_secret: true,
        ..whole!(
            "mqtt",
            MQTT,
            "pass",
            Mqtt,
            mqtt.password,
            form::SECRET,
            "",
            "The password of the login."
        )
    },
    whole!(
        "mqtt",
        MQTT,
        "tls-ca",
        Mqtt,
        mqtt.tls_ca,
        form::PATH,
        "",
        "The authority (PEM) of the broker's certificate. Empty: those of the system."
    ),
    whole!(
        "mqtt",
        MQTT,
        "tls-cert",
        Mqtt,
        mqtt.tls_cert,
        form::PATH,
        "",
        "Our certificate (PEM), for brokers that want one."
    ),
    whole!(
        "mqtt",
        MQTT,
        "tls-key",
        Mqtt,
        mqtt.tls_key,
        form::PATH,
        "",
        "The private key of our certificate (PEM)."
    ),
    whole!(
        "mqtt",
        MQTT,
        "client-id",
        Mqtt,
        mqtt.client_id,
        form::TEXT,
        "",
        "By which the broker knows us; each client has its own. Empty: made of the topic."
    ),
    whole!(
        "mqtt",
        MQTT,
        "topic",
        Mqtt,
        mqtt.topic,
        form::TOPIC,
        "paging",
        "What all topics begin with. Each daemon at a broker needs one of its own."
    ),
    whole!(
        "mqtt",
        MQTT,
        "discovery",
        Mqtt,
        mqtt.discovery,
        form::DISCOVERY,
        "homeassistant",
        "What the topics begin with by which Home Assistant finds us. no: it does not."
    ),
    whole!(
        "mqtt",
        MQTT,
        "user",
        Mqtt,
        mqtt.user,
        form::TEXT,
        "",
        "NAME of the [user:NAME] whose role and zones commands have that come by the broker.\n\
         Empty: no command is obeyed. Whoever may write to our topics at the broker is that user."
    ),
];
