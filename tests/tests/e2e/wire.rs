//! The wire beside decisions: health, reflection, the probes, and impostors on the socket.

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use stopgate_client::Client;
use stopgate_client::wire as pb;
use stopgate_proto::v1::enforcement_service_server::{
    EnforcementService, EnforcementServiceServer,
};
use stopgate_tests::ask::{order, word};
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage};
use tokio::net::UnixListener;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

async fn channel(stage: &Stage) -> Channel {
    let address = format!("unix:{}", stage.socket().display());
    Endpoint::from_shared(address)
        .expect("an address")
        .connect()
        .await
        .expect("a connection")
}

#[tokio::test]
async fn health_and_reflection_answer_on_the_socket() {
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let mut health = HealthClient::new(channel(&stage).await);
    for service in ["", "stopgate.v1.EnforcementService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let status = health
            .check(request)
            .await
            .expect("an answer")
            .into_inner()
            .status();
        assert_eq!(status, ServingStatus::Serving, "`{service}`");
    }

    let mut reflection = ServerReflectionClient::new(channel(&stage).await);
    let ask = |message_request| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message_request),
        };
        tonic::codegen::tokio_stream::iter([request])
    };
    let request = ask(MessageRequest::ListServices(String::new()));
    let mut answers = reflection
        .server_reflection_info(request)
        .await
        .expect("an answer")
        .into_inner();
    let answer = answers
        .message()
        .await
        .expect("a message")
        .expect("one answer")
        .message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("{answer:?}")
    };
    let services: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(
        services
            .iter()
            .any(|name| name == "stopgate.v1.EnforcementService"),
        "{services:?}"
    );
    drop(sidecar);
}

/// Answers every attempt with one response.
struct Impostor(pb::DecideResponse);

#[tonic::async_trait]
impl EnforcementService for Impostor {
    async fn decide(
        &self,
        _: Request<pb::DecideRequest>,
    ) -> Result<Response<pb::DecideResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn get_status(
        &self,
        _: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        Err(Status::unimplemented("an impostor"))
    }
}

/// What the client makes of `response` to the request `asked`.
async fn answered_by(response: pb::DecideResponse) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("sidecar.sock");
    let listener = UnixListener::bind(&socket)?;
    let service = TowerToHyperService::new(EnforcementServiceServer::new(Impostor(response)));
    let served = async {
        let (stream, _) = listener.accept().await?;
        let http = http2::Builder::new(TokioExecutor::new());
        anyhow::Ok(http.serve_connection(TokioIo::new(stream), service).await?)
    };
    // It serves one connection, which is all that a client makes.
    let asked = async {
        let client = Client::connect(&socket).await?;
        anyhow::Ok(word(&client.decide(order("asked"), PATIENCE).await))
    };
    tokio::select! {
        ended = served => anyhow::bail!("the impostor ended: {ended:?}"),
        answer = asked => answer,
    }
}

/// A permit with everything but the right request.
fn permit(request_id: &str) -> pb::DecideResponse {
    pb::DecideResponse {
        request_id: request_id.to_owned(),
        decision: "decisions/1".to_owned(),
        bundle_digest: "sha256:00".to_owned(),
        rules: vec![pb::RuleReference {
            rule: "erp/read-orders".to_owned(),
            kind: pb::RuleKind::Grant.into(),
            ..pb::RuleReference::default()
        }],
        result: Some(pb::decide_response::Result::Permit(pb::Permit::default())),
        ..pb::DecideResponse::default()
    }
}

pub(crate) async fn answers_nothing() -> anyhow::Result<String> {
    answered_by(pb::DecideResponse {
        result: None,
        ..permit("asked")
    })
    .await
}

pub(crate) async fn answers_another() -> anyhow::Result<String> {
    // First the right request, or anything might be wrong with this permit.
    anyhow::ensure!(
        answered_by(permit("asked")).await? == "permit",
        "the impostor is no good"
    );
    answered_by(permit("another")).await
}
