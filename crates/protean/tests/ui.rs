//! What the compiler says about a domain that is written wrongly, word for word.

#[test]
fn mistakes_are_told_where_they_are_and_how_to_mend_them() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
