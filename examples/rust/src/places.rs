//! The database of places: the JSON file of the Python example.

use std::error::Error;

use crate::routeguide::{Feature, Point};

const JSON: &str = include_str!("../../python/route_guide/places.json");

/// All places of the file, in its order.
///
/// # Errors
/// The file is not a list of objects with `name`, `latitude` and `longitude`.
pub fn read() -> Result<Vec<Feature>, Box<dyn Error>> {
    let json: serde_json::Value = serde_json::from_str(JSON)?;
    json.as_array().ok_or("the database of places is not a list")?.iter().map(place).collect()
}

fn place(item: &serde_json::Value) -> Result<Feature, Box<dyn Error>> {
    let number = |key: &str| {
        let value = item[key].as_i64().and_then(|value| i32::try_from(value).ok());
        value.ok_or_else(|| format!("{key} of {item} is not a 32-bit number"))
    };
    let location = point(number("latitude")?, number("longitude")?);
    let name = item["name"].as_str().ok_or_else(|| format!("{item} has no name"))?.to_owned();
    Ok(Feature { name, location: Some(location).into(), ..Default::default() })
}

/// A point by its coordinates, in degrees times 10,000,000.
pub fn point(latitude: i32, longitude: i32) -> Point {
    Point { latitude, longitude, ..Default::default() }
}
