//! The RouteGuide server, all four kinds of calls: `route-guide-server [ADDRESS:PORT]`.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Instant;

use carom::server::Server;
use carom::{Request, Response, Status, Streaming};
use futures_util::stream::{self, Stream};

use carom_examples::places;
use carom_examples::routeguide::route_guide_server::{RouteGuide, RouteGuideServer};
use carom_examples::routeguide::{Feature, Point, Rectangle, RouteNote, RouteSummary};

const EARTH_RADIUS_METRES: f64 = 6_371_000.0;

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

struct Guide {
    places: Vec<Feature>,
}

impl Guide {
    fn at(&self, point: &Point) -> Option<&Feature> {
        self.places.iter().find(|feature| *feature.location == *point)
    }
}

/// Metres between two points along the globe (haversine formula).
fn distance(start: &Point, end: &Point) -> f64 {
    let radians = |degrees: i32| (f64::from(degrees) / 1e7).to_radians();
    let (lat_1, lat_2) = (radians(start.latitude), radians(end.latitude));
    let (lon_1, lon_2) = (radians(start.longitude), radians(end.longitude));
    let a = ((lat_2 - lat_1) / 2.0).sin().powi(2)
        + lat_1.cos() * lat_2.cos() * ((lon_2 - lon_1) / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_METRES * a.sqrt().atan2((1.0 - a).sqrt())
}

fn contains(area: &Rectangle, point: &Point) -> bool {
    let within = |one: i32, other: i32, value: i32| one.min(other) <= value && value <= one.max(other);
    within(area.lo.latitude, area.hi.latitude, point.latitude)
        && within(area.lo.longitude, area.hi.longitude, point.longitude)
}

/// One chat: the notes still to be sent, and all that were received.
struct Chat {
    incoming: Streaming<RouteNote>,
    replies: VecDeque<RouteNote>,
    notes: Vec<RouteNote>,
}

impl RouteGuide for Guide {
    async fn get_feature(&self, request: Request<Point>) -> Result<Response<Feature>, Status> {
        let point = request.into_inner();
        let feature = match self.at(&point) {
            Some(feature) => feature.clone(),
            None => Feature { location: Some(point).into(), ..Default::default() },
        };
        Ok(Response::new(feature))
    }

    type ListFeaturesStream = Replies<Feature>;

    async fn list_features(
        &self,
        request: Request<Rectangle>,
    ) -> Result<Response<Self::ListFeaturesStream>, Status> {
        let area = request.into_inner();
        let found: Vec<_> = self
            .places
            .iter()
            .filter(|feature| !feature.name.is_empty() && contains(&area, &feature.location))
            .cloned()
            .map(Ok)
            .collect();
        Ok(Response::new(Box::pin(stream::iter(found))))
    }

    async fn record_route(
        &self,
        request: Request<Streaming<Point>>,
    ) -> Result<Response<RouteSummary>, Status> {
        let mut points = request.into_inner();
        let start = Instant::now();
        let mut summary = RouteSummary::default();
        let mut metres = 0.0;
        let mut previous = None;
        while let Some(point) = points.message().await? {
            summary.point_count += 1;
            if self.at(&point).is_some_and(|feature| !feature.name.is_empty()) {
                summary.feature_count += 1;
            }
            if let Some(previous) = previous {
                metres += distance(&previous, &point);
            }
            previous = Some(point);
        }
        summary.distance = metres as i32;
        summary.elapsed_time = start.elapsed().as_secs() as i32;
        Ok(Response::new(summary))
    }

    type RouteChatStream = Replies<RouteNote>;

    async fn route_chat(
        &self,
        request: Request<Streaming<RouteNote>>,
    ) -> Result<Response<Self::RouteChatStream>, Status> {
        let chat = Chat { incoming: request.into_inner(), replies: VecDeque::new(), notes: Vec::new() };
        let replies = stream::try_unfold(chat, |mut chat| async move {
            loop {
                if let Some(note) = chat.replies.pop_front() {
                    return Ok(Some((note, chat)));
                }
                let Some(note) = chat.incoming.message().await? else {
                    return Ok(None);
                };
                let here = chat.notes.iter().filter(|earlier| earlier.location == note.location);
                chat.replies.extend(here.cloned());
                chat.notes.push(note);
            }
        });
        Ok(Response::new(Box::pin(replies)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = carom_examples::address_or("[::]:50051").parse()?;
    let guide = Guide { places: places::read()? };
    let server = Server::builder()
        .add_service(RouteGuideServer::new(guide))
        .bind(address)
        .start(tokio::runtime::Handle::current())?;
    println!("RouteGuide listens on {address}");
    server.terminated().await;
    Ok(())
}
