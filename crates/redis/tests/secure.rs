//! A Redis that encrypts its connections and lets one user in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use protean_core::config::CrossLaneOrder;
use protean_core::port::Tier;
use protean_core::{Lane, Priority};
use protean_postgres::Postgres;
use protean_redis::{Options, Redis};
use protean_services::redis::{Login, Options as RedisOptions, Tls};
use protean_testing::item::{SCHEMAS, claim, ids, message, publish, subscription};

/// A password with everything in it that could mean something in a URI.
const PASSWORD: &str = "open@sesame:/%?";

/// A certificate for 127.0.0.1, and the authority that signed it.
fn certificate(folder: &Path) -> Tls {
    let file = |name: &str| folder.join(name).display().to_string();
    let (authority, authority_key) = (file("authority.pem"), file("authority-key.pem"));
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    make(&["-subj", "/CN=authority"], &authority, &authority_key);
    let signed = [
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-CA",
        &authority,
        "-CAkey",
        &authority_key,
    ];
    make(&signed, &certificate, &key);
    Tls {
        certificate: certificate.into(),
        key: key.into(),
        authority: authority.into(),
    }
}

/// Has `openssl` make a key and a certificate for it.
fn make(arguments: &[&str], certificate: &str, key: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(arguments)
        .args(["-keyout", key, "-out", certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// A folder that goes when this is dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("protean-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The servers, and the certificate of the authority.
struct Servers {
    redis: protean_services::Redis,
    database: String,
    options: Options,
    _postgres: protean_services::Postgres,
    _folder: Folder,
}

impl Servers {
    fn start() -> Self {
        let folder = Folder::new();
        let tls = certificate(&folder.0);
        let options = Options {
            authorities: Some(tls.authority.clone()),
            ..Options::default()
        };
        let redis = protean_services::Redis::start(RedisOptions {
            tls: Some(tls),
            login: Some(Login {
                user: "ann".to_owned(),
                password: PASSWORD.to_owned(),
            }),
            ..RedisOptions::default()
        });
        let postgres = protean_services::Postgres::start().unwrap();
        Self {
            redis: redis.unwrap(),
            database: postgres.create_database().unwrap(),
            options,
            _postgres: postgres,
            _folder: folder,
        }
    }

    fn open(&self, uri: &str, options: Options) -> Tier {
        let postgres = Postgres::new(&self.database, protean_postgres::Options::default()).unwrap();
        Redis::new(uri, postgres, options).unwrap().tier()
    }

    /// What a consumer is told that gets in by this URI, or not.
    async fn refusal(&self, uri: &str, options: Options) -> String {
        let tier = self.open(uri, options);
        let claimed = tier
            .broker
            .claim(&subscription("Handler"), CrossLaneOrder::None)
            .await;
        let [mut primary, _backfill] = claimed.unwrap().unwrap();
        primary.fetch(1).await.unwrap_err().to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_encrypted_and_for_one_user_alone() {
    let servers = Servers::start();
    let uri = servers.redis.uri();
    assert!(uri.starts_with("rediss://ann:"), "{uri}");
    let tier = servers.open(&uri, servers.options.clone());
    tier.tables.setup(SCHEMAS).await.unwrap();
    for lane in Lane::ALL {
        let broker = tier.broker.clone();
        tokio::spawn(async move { broker.attend(lane).await });
    }
    let sent = message(None, Priority::Normal);
    publish(&tier, std::slice::from_ref(&sent)).await;
    let mut held = claim(&tier, "Handler").await;
    assert_eq!(ids(&held.take(Lane::Primary, 1).await), [sent.id]);

    let encoded = uri
        .split(['/', '@'])
        .nth(2)
        .unwrap()
        .strip_prefix("ann:")
        .unwrap();
    let wrong = uri.replace(encoded, "wrong-word");
    let told = servers.refusal(&wrong, servers.options.clone()).await;
    assert!(
        told.contains("WRONGPASS") || told.contains("assword"),
        "{told}"
    );
    assert!(!told.contains("wrong-word"), "{told}");
    let stranger = servers.refusal(&uri, Options::default()).await;
    assert!(
        stranger.to_lowercase().contains("certificate"),
        "{stranger}"
    );
    for told in [told, stranger] {
        assert!(
            !told.contains(PASSWORD) && !told.contains(encoded),
            "{told}"
        );
    }
}
