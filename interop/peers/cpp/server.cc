// The official interop server by gRPC C++: --port=PORT [--use_tls=true --tls_cert_file=PEM --tls_key_file=PEM].
// It knows no accounts, as the gRPC project's own does not.

#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "common.h"
#include "grpc/testing/test.grpc.pb.h"

namespace grpc {
namespace testing {

// The library befriends a class of this name.
class InteropServerContextInspector {
 public:
  static bool WasCompressed(const ServerContextBase& context) {
    return (grpc_call_test_only_get_message_flags(context.call_.call) & kWasCompressed) != 0;
  }
};

namespace {

constexpr int kMaxPayload = 64 << 20;

Status Fill(Payload* payload, PayloadType type, int size) {
  if (type != COMPRESSABLE || size < 0 || size > kMaxPayload) {
    return Status(StatusCode::INVALID_ARGUMENT, "there is no such payload");
  }
  payload->set_type(type);
  payload->set_body(std::string(size, '\0'));
  return Status::OK;
}

void Echo(ServerContext* context) {
  for (const auto& entry : context->client_metadata()) {
    const std::string key(entry.first.data(), entry.first.size());
    const std::string value(entry.second.data(), entry.second.size());
    if (key == kEchoInitial) context->AddInitialMetadata(key, value);
    if (key == kEchoTrailing) context->AddTrailingMetadata(key, value);
  }
}

template <typename Request>
Status Wanted(const Request& request) {
  if (!request.has_response_status()) return Status::OK;
  const EchoStatus& wanted = request.response_status();
  return Status(static_cast<StatusCode>(wanted.code()), wanted.message());
}

template <typename Request>
Status ExpectCompressed(const ServerContext& context, const Request& request) {
  if (!request.has_expect_compressed()) return Status::OK;
  if (InteropServerContextInspector::WasCompressed(context) == request.expect_compressed().value()) {
    return Status::OK;
  }
  return Status(StatusCode::INVALID_ARGUMENT, "whether the message is compressed is not as the client says");
}

template <typename Stream>
Status Answer(const StreamingOutputCallRequest& request, Stream* stream) {
  for (const ResponseParameters& wanted : request.response_parameters()) {
    if (wanted.interval_us() > 0) std::this_thread::sleep_for(std::chrono::microseconds(wanted.interval_us()));
    StreamingOutputCallResponse answer;
    const Status filled = Fill(answer.mutable_payload(), request.response_type(), wanted.size());
    if (!filled.ok()) return filled;
    WriteOptions options;
    if (!wanted.compressed().value()) options.set_no_compression();
    if (!stream->Write(answer, options)) return Status(StatusCode::CANCELLED, "the client has gone");
  }
  return Status::OK;
}

class Service final : public TestService::Service {
  Status EmptyCall(ServerContext* context, const Empty*, Empty*) override {
    Echo(context);
    return Status::OK;
  }

  Status UnaryCall(ServerContext* context, const SimpleRequest* request, SimpleResponse* answer) override {
    Echo(context);
    Status status = Wanted(*request);
    if (status.ok()) status = ExpectCompressed(*context, *request);
    if (!status.ok()) return status;
    if (request->response_compressed().value()) {
      // The library picks an algorithm that the client accepts.
      context->set_compression_level(GRPC_COMPRESS_LEVEL_HIGH);
    }
    return Fill(answer->mutable_payload(), request->response_type(), request->response_size());
  }

  Status CacheableUnaryCall(ServerContext* context, const SimpleRequest*, SimpleResponse* answer) override {
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    answer->mutable_payload()->set_body(std::to_string(now));
    context->AddInitialMetadata("cache-control", "max-age=60, public");
    return Status::OK;
  }

  Status StreamingOutputCall(ServerContext* context, const StreamingOutputCallRequest* request,
                             ServerWriter<StreamingOutputCallResponse>* writer) override {
    Echo(context);
    const Status status = Wanted(*request);
    if (!status.ok()) return status;
    context->set_compression_level(GRPC_COMPRESS_LEVEL_HIGH);
    return Answer(*request, writer);
  }

  Status StreamingInputCall(ServerContext* context, ServerReader<StreamingInputCallRequest>* reader,
                            StreamingInputCallResponse* answer) override {
    StreamingInputCallRequest request;
    int size = 0;
    while (reader->Read(&request)) {
      const Status status = ExpectCompressed(*context, request);
      if (!status.ok()) return status;
      size += static_cast<int>(request.payload().body().size());
    }
    answer->set_aggregated_payload_size(size);
    return Status::OK;
  }

  Status FullDuplexCall(
      ServerContext* context,
      ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
    Echo(context);
    StreamingOutputCallRequest request;
    while (stream->Read(&request)) {
      Status status = Wanted(request);
      if (status.ok()) status = Answer(request, stream);
      if (!status.ok()) return status;
    }
    return Status::OK;
  }
};

void Run(const Flags& flags) {
  std::shared_ptr<ServerCredentials> credentials = InsecureServerCredentials();
  if (flags.On("use_tls")) {
    SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({flags.File("tls_key_file"), flags.File("tls_cert_file")});
    credentials = SslServerCredentials(options);
  }
  Service service;
  ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:" + flags.Text("port"), credentials);
  builder.RegisterService(&service);
  const std::unique_ptr<Server> server = builder.BuildAndStart();
  if (server == nullptr) throw std::runtime_error("cannot listen at port " + flags.Text("port"));
  server->Wait();
}

}  // namespace
}  // namespace testing
}  // namespace grpc

int main(int argc, char** argv) {
  try {
    grpc::testing::Run(Flags(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "cpp-server: " << error.what() << std::endl;
    return 1;
  }
}
