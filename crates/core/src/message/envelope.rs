//! stub
/// x
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rest;
/// stub
pub fn encode(_: &super::Message) -> String {
    String::from("{}")
}
