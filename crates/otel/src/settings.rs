//! Where spans go, and in whose name.

use protean_core::config::Telemetry;

use crate::Error;

/// Where a collector takes spans.
const PATH: &str = "v1/traces";

/// The variables that name a collector, the more exact one first.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// What the environment and the configuration say together.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    /// The URL that spans are posted to.
    pub(crate) url: String,
    pub(crate) service: String,
    /// The part of the traces that begin on the backfill lane which is sampled.
    pub(crate) backfill_ratio: f64,
}

impl Settings {
    /// Nothing when there is nowhere to send spans, or somebody said no. The environment goes
    /// before the configuration.
    pub(crate) fn of(
        domain: &str,
        telemetry: &Telemetry,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Error> {
        let is = |name, word: &str| variable(name).is_some_and(|it| it.eq_ignore_ascii_case(word));
        let refused = is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none");
        if refused || !telemetry.enabled {
            return Ok(None);
        }
        let Some(url) = url(telemetry, variable)? else {
            return Ok(None);
        };
        let service = variable("OTEL_SERVICE_NAME").or_else(|| telemetry.service_name.clone());
        Ok(Some(Self {
            url,
            service: service.unwrap_or_else(|| domain.to_owned()),
            backfill_ratio: telemetry.backfill_ratio,
        }))
    }
}

fn url(
    telemetry: &Telemetry,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Error> {
    for name in ENDPOINTS {
        let Some(value) = variable(name) else {
            continue;
        };
        if !value.starts_with("http://") {
            return Err(Error::Endpoint {
                variable: name,
                found: value,
            });
        }
        // Only the general one names the collector; the other names the very place.
        let url = if name == ENDPOINTS[0] {
            value
        } else {
            below(&value)
        };
        return Ok(Some(url));
    }
    Ok(telemetry.endpoint.as_deref().map(below))
}

fn below(endpoint: &str) -> String {
    format!("{}/{PATH}", endpoint.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(telemetry: &Telemetry, variables: &[(&str, &str)]) -> Result<Option<Settings>, Error> {
        Settings::of("shop", telemetry, &|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn configured() -> Telemetry {
        Telemetry {
            endpoint: Some("http://collector:4318/".to_owned()),
            service_name: Some("bookstore".to_owned()),
            ..Telemetry::default()
        }
    }

    #[test]
    fn without_an_endpoint_or_with_a_no_there_is_nothing() {
        assert_eq!(of(&Telemetry::default(), &[]).unwrap(), None);
        let off = Telemetry {
            enabled: false,
            ..configured()
        };
        assert_eq!(of(&off, &[(ENDPOINTS[1], "http://a")]).unwrap(), None);
        for said in [
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            assert_eq!(of(&configured(), &[said]).unwrap(), None, "{said:?}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_configuration() {
        let found = of(&configured(), &[]).unwrap().unwrap();
        assert_eq!(found.url, "http://collector:4318/v1/traces");
        assert_eq!(found.service, "bookstore");

        let general = (ENDPOINTS[1], "http://other:4318");
        let named = ("OTEL_SERVICE_NAME", "mine");
        let found = of(&configured(), &[general, named]).unwrap().unwrap();
        assert_eq!(found.url, "http://other:4318/v1/traces");
        assert_eq!(found.service, "mine");

        let exact = (ENDPOINTS[0], "http://exact:4318/in");
        let found = of(&configured(), &[general, exact]).unwrap().unwrap();
        assert_eq!(found.url, "http://exact:4318/in");
    }

    #[test]
    fn a_collector_behind_tls_is_told() {
        let error = of(&configured(), &[(ENDPOINTS[1], "https://far:4318")]).unwrap_err();
        let told = error.to_string();
        assert!(
            told.starts_with("[PE0431] OTEL_EXPORTER_OTLP_ENDPOINT"),
            "{told}"
        );
        assert!(told.contains("https://far:4318"), "{told}");
    }
}
