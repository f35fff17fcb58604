// The official interop cases by gRPC C++: --server_host=HOST --server_port=PORT --test_case=CASE [--use_tls=true ...].
// Silent and 0 if the case passed; 1 and a reason if not.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <vector>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "common.h"
#include "grpc/testing/test.grpc.pb.h"

namespace grpc {
namespace testing {

// The library befriends a class of this name.
class InteropClientContextInspector {
 public:
  static bool WasCompressed(const ClientContext& context) {
    return (grpc_call_test_only_get_message_flags(context.call_) & kWasCompressed) != 0;
  }
};

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr int kLargeRequest = 271828;
constexpr int kLargeResponse = 314159;
const std::vector<int> kStreamRequests = {27182, 8, 1828, 45904};
const std::vector<int> kStreamResponses = {31415, 9, 2653, 58979};
// Only a broken peer gets near this.
constexpr seconds kPatience(20);

void Expect(bool good, const std::string& what) {
  if (!good) throw std::runtime_error("not as it should be: " + what);
}

void Expect(const Status& status, StatusCode wanted) {
  Expect(status.error_code() == wanted, "the status, which is " + std::to_string(status.error_code()) + " (" +
                                            status.error_message() + "), not " + std::to_string(wanted));
}

void ExpectBody(const Payload& payload, int size) {
  Expect(payload.body() == std::string(size, '\0'),
         std::to_string(size) + " zeros; got " + std::to_string(payload.body().size()) + " bytes");
}

void Patient(ClientContext* context) { context->set_deadline(std::chrono::system_clock::now() + kPatience); }

SimpleRequest Large() {
  SimpleRequest request;
  request.set_response_size(kLargeResponse);
  request.mutable_payload()->set_body(std::string(kLargeRequest, '\0'));
  return request;
}

StreamingOutputCallRequest Ping(int request_size, int response_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(response_size);
  request.mutable_payload()->set_body(std::string(request_size, '\0'));
  return request;
}

class Interop {
 public:
  explicit Interop(const Flags& flags) : flags_(flags), stub_(TestService::NewStub(NewChannel())) {}

  void Run(const std::string& name) {
    const std::map<std::string, void (Interop::*)()> cases = {
        {"empty_unary", &Interop::EmptyUnary},
        {"cacheable_unary", &Interop::CacheableUnary},
        {"large_unary", &Interop::LargeUnary},
        {"client_compressed_unary", &Interop::ClientCompressedUnary},
        {"server_compressed_unary", &Interop::ServerCompressedUnary},
        {"client_streaming", &Interop::ClientStreaming},
        {"client_compressed_streaming", &Interop::ClientCompressedStreaming},
        {"server_streaming", &Interop::ServerStreaming},
        {"server_compressed_streaming", &Interop::ServerCompressedStreaming},
        {"ping_pong", &Interop::PingPong},
        {"empty_stream", &Interop::EmptyStream},
        {"custom_metadata", &Interop::CustomMetadata},
        {"status_code_and_message", &Interop::StatusCodeAndMessage},
        {"special_status_message", &Interop::SpecialStatusMessage},
        {"unimplemented_method", &Interop::UnimplementedMethod},
        {"unimplemented_service", &Interop::UnimplementedServiceCase},
        {"cancel_after_begin", &Interop::CancelAfterBegin},
        {"cancel_after_first_response", &Interop::CancelAfterFirstResponse},
        {"timeout_on_sleeping_server", &Interop::TimeoutOnSleepingServer},
        {"rpc_soak", &Interop::RpcSoak},
        {"channel_soak", &Interop::ChannelSoak},
        {"concurrent_large_unary", &Interop::ConcurrentLargeUnary},
        {"jwt_token_creds", &Interop::JwtTokenCreds},
        {"per_rpc_creds", &Interop::PerRpcCreds},
        {"oauth2_auth_token", &Interop::Oauth2AuthToken},
    };
    const auto found = cases.find(name);
    Expect(found != cases.end(), "there is no case " + name);
    (this->*found->second)();
  }

 private:
  std::shared_ptr<Channel> NewChannel(std::shared_ptr<CallCredentials> call_credentials = nullptr) {
    ChannelArguments arguments;
    // Otherwise channels with the same target share their connections, and no case could have a new one.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    std::shared_ptr<ChannelCredentials> credentials = InsecureChannelCredentials();
    if (flags_.On("use_tls")) {
      SslCredentialsOptions options;
      options.pem_root_certs = flags_.File("ca_file");
      credentials = SslCredentials(options);
      arguments.SetSslTargetNameOverride(flags_.Text("server_host_override"));
    }
    if (call_credentials != nullptr) credentials = CompositeChannelCredentials(credentials, call_credentials);
    const std::string target = flags_.Text("server_host") + ":" + flags_.Text("server_port");
    return CreateCustomChannel(target, credentials, arguments);
  }

  Status Unary(const SimpleRequest& request, SimpleResponse* answer,
               const std::function<void(ClientContext*)>& prepare = [](ClientContext*) {}) {
    ClientContext context;
    Patient(&context);
    prepare(&context);
    return stub_->UnaryCall(&context, request, answer);
  }

  void EmptyUnary() {
    ClientContext context;
    Patient(&context);
    Empty answer;
    Expect(stub_->EmptyCall(&context, Empty(), &answer), StatusCode::OK);
    Expect(answer.ByteSizeLong() == 0, "an empty answer");
  }

  void LargeUnary() {
    SimpleResponse answer;
    Expect(Unary(Large(), &answer), StatusCode::OK);
    ExpectBody(answer.payload(), kLargeResponse);
  }

  void CacheableUnary() {
    SimpleRequest request;
    request.mutable_payload()->set_body(std::to_string(Clock::now().time_since_epoch().count()));
    std::vector<std::string> bodies;
    for (int i = 0; i < 2; ++i) {
      ClientContext context;
      Patient(&context);
      context.AddMetadata("x-user-ip", "1.2.3.4");
      SimpleResponse answer;
      Expect(stub_->CacheableUnaryCall(&context, request, &answer), StatusCode::OK);
      bodies.push_back(answer.payload().body());
    }
    Expect(bodies[0] == bodies[1], "the second payload is that of the first call");
  }

  void ClientCompressedUnary() {
    struct Try {
      bool announced, compressed;
      StatusCode code;
    };
    for (const Try& one : {Try{true, false, StatusCode::INVALID_ARGUMENT}, Try{true, true, StatusCode::OK},
                           Try{false, false, StatusCode::OK}}) {
      SimpleRequest request = Large();
      request.mutable_expect_compressed()->set_value(one.announced);
      SimpleResponse answer;
      const Status status = Unary(request, &answer, [&one](ClientContext* context) {
        context->set_compression_algorithm(one.compressed ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE);
      });
      Expect(status, one.code);
      if (status.ok()) ExpectBody(answer.payload(), kLargeResponse);
    }
  }

  void ServerCompressedUnary() {
    for (const bool compressed : {true, false}) {
      SimpleRequest request = Large();
      request.mutable_response_compressed()->set_value(compressed);
      ClientContext context;
      Patient(&context);
      SimpleResponse answer;
      Expect(stub_->UnaryCall(&context, request, &answer), StatusCode::OK);
      Expect(InteropClientContextInspector::WasCompressed(context) == compressed, "the compressed flag");
      ExpectBody(answer.payload(), kLargeResponse);
    }
  }

  void ClientStreaming() {
    ClientContext context;
    Patient(&context);
    StreamingInputCallResponse answer;
    auto writer = stub_->StreamingInputCall(&context, &answer);
    for (const int size : kStreamRequests) {
      StreamingInputCallRequest request;
      request.mutable_payload()->set_body(std::string(size, '\0'));
      Expect(writer->Write(request), "a message can be sent");
    }
    writer->WritesDone();
    Expect(writer->Finish(), StatusCode::OK);
    Expect(answer.aggregated_payload_size() == 74922, "aggregated_payload_size");
  }

  Status SendCompressed(const std::vector<std::pair<int, bool>>& messages, bool probe, int* size) {
    ClientContext context;
    Patient(&context);
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    StreamingInputCallResponse answer;
    auto writer = stub_->StreamingInputCall(&context, &answer);
    for (const auto& message : messages) {
      StreamingInputCallRequest request;
      request.mutable_payload()->set_body(std::string(message.first, '\0'));
      request.mutable_expect_compressed()->set_value(message.second);
      WriteOptions options;
      if (probe || !message.second) options.set_no_compression();
      // The server may end the call before it has all; the status then says so.
      if (!writer->Write(request, options)) break;
    }
    writer->WritesDone();
    const Status status = writer->Finish();
    *size = answer.aggregated_payload_size();
    return status;
  }

  void ClientCompressedStreaming() {
    int size = 0;
    Expect(SendCompressed({{27182, true}}, true, &size), StatusCode::INVALID_ARGUMENT);
    Expect(SendCompressed({{27182, true}, {45904, false}}, false, &size), StatusCode::OK);
    Expect(size == 73086, "aggregated_payload_size");
  }

  void ServerStreaming() {
    ClientContext context;
    Patient(&context);
    StreamingOutputCallRequest request;
    for (const int size : kStreamResponses) request.add_response_parameters()->set_size(size);
    auto reader = stub_->StreamingOutputCall(&context, request);
    StreamingOutputCallResponse answer;
    for (const int size : kStreamResponses) {
      Expect(reader->Read(&answer), "there is an answer");
      ExpectBody(answer.payload(), size);
    }
    Expect(!reader->Read(&answer), "the end after four answers");
    Expect(reader->Finish(), StatusCode::OK);
  }

  void ServerCompressedStreaming() {
    const std::vector<std::pair<int, bool>> wanted = {{31415, true}, {92653, false}};
    StreamingOutputCallRequest request;
    for (const auto& one : wanted) {
      ResponseParameters* parameters = request.add_response_parameters();
      parameters->set_size(one.first);
      parameters->mutable_compressed()->set_value(one.second);
    }
    ClientContext context;
    Patient(&context);
    auto reader = stub_->StreamingOutputCall(&context, request);
    StreamingOutputCallResponse answer;
    for (const auto& one : wanted) {
      Expect(reader->Read(&answer), "there is an answer");
      Expect(InteropClientContextInspector::WasCompressed(context) == one.second, "the compressed flag");
      ExpectBody(answer.payload(), one.first);
    }
    Expect(!reader->Read(&answer), "the end after two answers");
    Expect(reader->Finish(), StatusCode::OK);
  }

  void PingPong() {
    ClientContext context;
    Patient(&context);
    auto stream = stub_->FullDuplexCall(&context);
    StreamingOutputCallResponse answer;
    for (size_t i = 0; i < kStreamRequests.size(); ++i) {
      Expect(stream->Write(Ping(kStreamRequests[i], kStreamResponses[i])), "a message can be sent");
      Expect(stream->Read(&answer), "there is an answer");
      ExpectBody(answer.payload(), kStreamResponses[i]);
    }
    stream->WritesDone();
    Expect(!stream->Read(&answer), "the end after the half-close");
    Expect(stream->Finish(), StatusCode::OK);
  }

  void EmptyStream() {
    ClientContext context;
    Patient(&context);
    auto stream = stub_->FullDuplexCall(&context);
    stream->WritesDone();
    StreamingOutputCallResponse answer;
    Expect(!stream->Read(&answer), "no answer");
    Expect(stream->Finish(), StatusCode::OK);
  }

  static void AddEchoes(ClientContext* context) {
    context->AddMetadata(kEchoInitial, "test_initial_metadata_value");
    context->AddMetadata(kEchoTrailing, "\xab\xab\xab");
  }

  static void ExpectEchoes(const ClientContext& context) {
    const auto& initial = context.GetServerInitialMetadata();
    const auto first = initial.find(kEchoInitial);
    Expect(first != initial.end() && first->second == "test_initial_metadata_value", "initial metadata");
    const auto& trailing = context.GetServerTrailingMetadata();
    const auto last = trailing.find(kEchoTrailing);
    Expect(last != trailing.end() && last->second == "\xab\xab\xab", "trailing metadata");
  }

  void CustomMetadata() {
    ClientContext unary;
    Patient(&unary);
    AddEchoes(&unary);
    SimpleResponse answer;
    Expect(stub_->UnaryCall(&unary, Large(), &answer), StatusCode::OK);
    ExpectBody(answer.payload(), kLargeResponse);
    ExpectEchoes(unary);

    ClientContext duplex;
    Patient(&duplex);
    AddEchoes(&duplex);
    auto stream = stub_->FullDuplexCall(&duplex);
    Expect(stream->Write(Ping(kLargeRequest, kLargeResponse)), "a message can be sent");
    stream->WritesDone();
    StreamingOutputCallResponse output;
    Expect(stream->Read(&output), "there is an answer");
    ExpectBody(output.payload(), kLargeResponse);
    Expect(!stream->Read(&output), "the end after one answer");
    Expect(stream->Finish(), StatusCode::OK);
    ExpectEchoes(duplex);
  }

  void UnaryStatus(const std::string& message) {
    SimpleRequest request;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(message);
    SimpleResponse answer;
    const Status status = Unary(request, &answer);
    Expect(status, StatusCode::UNKNOWN);
    Expect(status.error_message() == message, "the message, which is " + status.error_message());
  }

  void StatusCodeAndMessage() {
    const std::string message = "test status message";
    UnaryStatus(message);
    ClientContext context;
    Patient(&context);
    auto stream = stub_->FullDuplexCall(&context);
    StreamingOutputCallRequest request;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(message);
    Expect(stream->Write(request), "a message can be sent");
    stream->WritesDone();
    StreamingOutputCallResponse answer;
    Expect(!stream->Read(&answer), "no answer");
    const Status status = stream->Finish();
    Expect(status, StatusCode::UNKNOWN);
    Expect(status.error_message() == message, "the message, which is " + status.error_message());
  }

  void SpecialStatusMessage() {
    UnaryStatus("\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \U0001F608\t\n");
  }

  void UnimplementedMethod() {
    ClientContext context;
    Patient(&context);
    Empty answer;
    Expect(stub_->UnimplementedCall(&context, Empty(), &answer), StatusCode::UNIMPLEMENTED);
  }

  void UnimplementedServiceCase() {
    ClientContext context;
    Patient(&context);
    Empty answer;
    const auto stub = UnimplementedService::NewStub(NewChannel());
    Expect(stub->UnimplementedCall(&context, Empty(), &answer), StatusCode::UNIMPLEMENTED);
  }

  void CancelAfterBegin() {
    ClientContext context;
    Patient(&context);
    StreamingInputCallResponse answer;
    auto writer = stub_->StreamingInputCall(&context, &answer);
    context.TryCancel();
    Expect(writer->Finish(), StatusCode::CANCELLED);
    EmptyUnary();
  }

  void CancelAfterFirstResponse() {
    ClientContext context;
    Patient(&context);
    auto stream = stub_->FullDuplexCall(&context);
    Expect(stream->Write(Ping(27182, 31415)), "a message can be sent");
    StreamingOutputCallResponse answer;
    Expect(stream->Read(&answer), "there is an answer");
    ExpectBody(answer.payload(), 31415);
    context.TryCancel();
    Expect(stream->Finish(), StatusCode::CANCELLED);
    EmptyUnary();
  }

  void TimeoutOnSleepingServer() {
    ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(1));
    auto stream = stub_->FullDuplexCall(&context);
    StreamingOutputCallRequest request;
    request.mutable_payload()->set_body(std::string(27182, '\0'));
    // It may be too late for this already; the status tells.
    stream->Write(request);
    StreamingOutputCallResponse answer;
    Expect(!stream->Read(&answer), "no answer");
    Expect(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
  }

  void Soak(bool new_channel_each) {
    const int iterations = flags_.Number("soak_iterations");
    const milliseconds acceptable(flags_.Number("soak_per_iteration_max_acceptable_latency_ms"));
    const auto end = Clock::now() + seconds(flags_.Number("soak_overall_timeout_seconds"));
    for (int i = 0; i < iterations; ++i) {
      if (new_channel_each) stub_ = TestService::NewStub(NewChannel());
      const auto start = Clock::now();
      LargeUnary();
      Expect(Clock::now() - start <= acceptable, "the time that call " + std::to_string(i) + " took");
      Expect(Clock::now() <= end, "the time that all calls took");
    }
  }

  void RpcSoak() { Soak(false); }

  void ChannelSoak() { Soak(true); }

  void ConcurrentLargeUnary() {
    struct Call {
      ClientContext context;
      SimpleResponse answer;
      Status status;
    };
    const SimpleRequest request = Large();
    std::vector<Call> calls(1000);
    std::mutex mutex;
    std::condition_variable ended;
    size_t left = calls.size();
    for (Call& call : calls) {
      Patient(&call.context);
      stub_->async()->UnaryCall(&call.context, &request, &call.answer, [&](Status status) {
        const std::lock_guard<std::mutex> lock(mutex);
        call.status = std::move(status);
        if (--left == 0) ended.notify_one();
      });
    }
    std::unique_lock<std::mutex> lock(mutex);
    ended.wait(lock, [&left] { return left == 0; });
    for (const Call& call : calls) {
      Expect(call.status, StatusCode::OK);
      ExpectBody(call.answer.payload(), kLargeResponse);
    }
  }

  // A string of the JSON object in the file that a flag names.
  std::string JsonField(const std::string& flag, const std::string& field) {
    google::protobuf::Struct content;
    const auto status = google::protobuf::util::JsonStringToMessage(flags_.File(flag), &content);
    Expect(status.ok(), "--" + flag + " is JSON: " + status.ToString());
    const auto found = content.fields().find(field);
    Expect(found != content.fields().end(), "--" + flag + " has the field " + field);
    return found->second.string_value();
  }

  void ExpectUser(SimpleRequest request, const std::string& user, SimpleResponse* answer,
                  std::shared_ptr<CallCredentials> of_call = nullptr) {
    request.set_fill_username(true);
    const Status status = Unary(request, answer, [&of_call](ClientContext* context) {
      if (of_call != nullptr) context->set_credentials(of_call);
    });
    Expect(status, StatusCode::OK);
    Expect(answer->username() == user, "username, which is \"" + answer->username() + "\"");
  }

  void JwtTokenCreds() {
    stub_ = TestService::NewStub(NewChannel(Jwt()));
    SimpleResponse answer;
    ExpectUser(Large(), JsonField("service_account_key_file", "client_email"), &answer);
    ExpectBody(answer.payload(), kLargeResponse);
  }

  void PerRpcCreds() {
    SimpleResponse answer;
    ExpectUser(SimpleRequest(), JsonField("service_account_key_file", "client_email"), &answer, Jwt());
  }

  void Oauth2AuthToken() {
    stub_ = TestService::NewStub(NewChannel(AccessTokenCredentials(JsonField("oauth_token_file", "access_token"))));
    SimpleRequest request;
    request.set_fill_oauth_scope(true);
    SimpleResponse answer;
    ExpectUser(request, JsonField("oauth_token_file", "email"), &answer);
    Expect(answer.oauth_scope() == JsonField("oauth_token_file", "scope"), "oauth_scope");
  }

  std::shared_ptr<CallCredentials> Jwt() {
    return ServiceAccountJWTAccessCredentials(flags_.File("service_account_key_file"));
  }

  const Flags& flags_;
  std::unique_ptr<TestService::Stub> stub_;
};

}  // namespace
}  // namespace testing
}  // namespace grpc

int main(int argc, char** argv) {
  try {
    const Flags flags(argc, argv);
    grpc::testing::Interop(flags).Run(flags.Text("test_case"));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "cpp-client: " << error.what() << std::endl;
    return 1;
  }
}
