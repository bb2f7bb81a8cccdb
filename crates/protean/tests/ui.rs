//! What the compiler says about a domain that is written wrongly, word for word. What it has nothing to
//! say about is in the tests of `domain`: cases that have to be linked take most of the time.

#[test]
fn mistakes_are_told_where_they_are_and_how_to_mend_them() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
}
