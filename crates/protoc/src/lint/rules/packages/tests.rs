use super::{Stability, version};

#[test]
fn versions_are_those_of_buf() {
    for name in [
        "v1",
        "v01",
        "v10",
        "v1alpha",
        "v1alpha01",
        "v1beta2",
        "v1test",
        "v1test_x",
        "v1p1alpha",
        "v1p2beta3",
    ] {
        assert!(version(name).is_some(), "{name}");
    }
    for other in [
        "v",
        "v0",
        "V1",
        "v1a",
        "v1alpha0",
        "v1p1",
        "v1p0beta1",
        "v1p1test",
        "v1beta1test",
        "v1rc1",
        "v2147483648",
    ] {
        assert_eq!(version(other), None, "{other}");
    }
}

#[test]
fn alpha_beta_and_test_may_change() {
    assert_eq!(version("v1"), Some(Stability::Stable));
    for unstable in ["v1alpha", "v1beta2", "v1p1alpha3", "v1test"] {
        assert_eq!(version(unstable), Some(Stability::Unstable));
    }
}
