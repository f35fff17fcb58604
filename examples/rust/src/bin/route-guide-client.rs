//! Asks the RouteGuide server in all four ways: `route-guide-client [HOST:PORT]`.

use std::error::Error;

use carom::Status;
use carom::client::Channel;
use futures_util::stream;

use carom_examples::places::{self, point};
use carom_examples::routeguide::route_guide_client::RouteGuideClient;
use carom_examples::routeguide::{Feature, Point, Rectangle, RouteNote, RouteSummary};

fn describe(feature: &Feature) -> String {
    let place = format!("{}, {}", feature.location.latitude, feature.location.longitude);
    if feature.name.is_empty() {
        format!("nothing known at {place}")
    } else {
        format!("{} at {place}", feature.name)
    }
}

async fn get_feature(client: &RouteGuideClient) -> Result<(), Status> {
    let (known, unknown) = (point(545_739_000, 136_636_000), point(0, 0));
    println!("{}", describe(client.get_feature(known.clone()).await?.get_ref()));
    println!("{}", describe(client.get_feature(unknown.clone()).await?.get_ref()));
    // Both at once.
    let (one, other) = tokio::try_join!(client.get_feature(known), client.get_feature(unknown))?;
    println!("future: {}", describe(one.get_ref()));
    println!("future: {}", describe(other.get_ref()));
    Ok(())
}

async fn list_features(client: &RouteGuideClient) -> Result<(), Status> {
    let area = Rectangle {
        lo: Some(point(543_000_000, 130_000_000)).into(),
        hi: Some(point(547_000_000, 137_000_000)).into(),
        ..Default::default()
    };
    let mut features = client.list_features(area).await?.into_inner();
    while let Some(feature) = features.message().await? {
        println!("listed: {}", describe(&feature));
    }
    Ok(())
}

fn describe_summary(summary: &RouteSummary) -> String {
    format!(
        "{} points, {} features, {} metres, {} seconds",
        summary.point_count, summary.feature_count, summary.distance, summary.elapsed_time
    )
}

async fn record_route(client: &RouteGuideClient, route: Vec<Point>) -> Result<(), Status> {
    let summary = client.record_route(stream::iter(route.clone())).await?;
    println!("route: {}", describe_summary(summary.get_ref()));
    let summary = client.record_route(stream::iter(route)).await?;
    println!("future route: {}", describe_summary(summary.get_ref()));
    Ok(())
}

async fn route_chat(client: &RouteGuideClient) -> Result<(), Status> {
    let notes = [
        ("first note", 0, 0),
        ("second note", 0, 1),
        ("third note", 1, 0),
        ("fourth note", 0, 0),
        ("fifth note", 1, 0),
        ("sixth note", 0, 0),
    ];
    let notes = notes.map(|(message, latitude, longitude)| RouteNote {
        location: Some(point(latitude, longitude)).into(),
        message: message.to_owned(),
        ..Default::default()
    });
    let mut replies = client.route_chat(stream::iter(notes)).await?.into_inner();
    while let Some(note) = replies.message().await? {
        println!("note: {} at {}, {}", note.message, note.location.latitude, note.location.longitude);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let channel = Channel::connect(carom_examples::address_or("localhost:50051")).await?;
    let client = RouteGuideClient::new(channel);
    println!("-------------- GetFeature --------------");
    get_feature(&client).await?;
    println!("-------------- ListFeatures --------------");
    list_features(&client).await?;
    println!("-------------- RecordRoute --------------");
    let route = places::read()?.into_iter().map(|feature| (*feature.location).clone()).collect();
    record_route(&client, route).await?;
    println!("-------------- RouteChat --------------");
    route_chat(&client).await?;
    Ok(())
}
