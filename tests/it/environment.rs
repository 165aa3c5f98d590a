//! `ApiKey::from_env`, in processes of their own: an environment belongs to a whole process.

use std::ffi::OsString;
use std::process::Command;

use mobula_auth::ApiKey;

const CHILD: &str = "environment::what_from_env_says";

#[test]
#[ignore = "run by the tests below, each time with another environment"]
fn what_from_env_says() {
    match ApiKey::from_env() {
        Ok(key) => println!("said: a key of {} characters", key.expose_secret().len()),
        Err(error) => println!("said: {error}, {}", error.is_invalid_credential()),
    }
}

fn with(variable: Option<OsString>) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([CHILD, "--exact", "--ignored", "--nocapture"])
        .env_remove("MOBULA_API_KEY");
    if let Some(value) = variable {
        child.env("MOBULA_API_KEY", value);
    }
    let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
    let said = output
        .lines()
        .find_map(|line| line.split_once("said: "))
        .expect("the child says something");
    said.1.to_owned()
}

#[test]
fn a_key_is_read_from_mobula_api_key() {
    assert_eq!(with(Some("0af5c1d2-3b4e".into())), "a key of 13 characters");
}

#[test]
fn missing_empty_and_unreadable_are_different_errors() {
    let missing = with(None);
    assert!(
        missing.contains("MOBULA_API_KEY is not set") && missing.ends_with(", true"),
        "{missing}"
    );
    let empty = with(Some(OsString::new()));
    assert!(
        empty.contains("MOBULA_API_KEY is set but empty") && empty.ends_with(", true"),
        "{empty}"
    );
    let malformed = with(Some("two words".into()));
    assert!(
        malformed.contains("visible ASCII") && malformed.ends_with(", true"),
        "{malformed}"
    );
}

#[cfg(unix)]
#[test]
fn what_is_not_utf_8_is_an_error_of_its_own() {
    use std::os::unix::ffi::OsStringExt;

    let said = with(Some(OsString::from_vec(vec![b'k', 0xff, b'y'])));
    assert!(
        said.contains("MOBULA_API_KEY is not valid UTF-8") && said.ends_with(", true"),
        "{said}"
    );
}
