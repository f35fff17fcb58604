use super::is_version;

#[test]
fn versions_are_those_of_buf() {
    for version in [
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
        assert!(is_version(version), "{version}");
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
        assert!(!is_version(other), "{other}");
    }
}
