"use strict";
// The official interop cases by grpc-js: --server_host=HOST --server_port=PORT --test_case=CASE [--use_tls=true ...].
// Silent and 0 if the case passed; 1 and a reason if not.

const assert = require("assert").strict;
const fs = require("fs");

const grpc = require("@grpc/grpc-js");

const { ECHO_INITIAL, ECHO_TRAILING, flags: readFlags, payload, readJson, sign, testing } = require("./common");

const flags = readFlags();
const { TestService, UnimplementedService } = testing();

/** Only a broken peer gets near this; in milliseconds. */
const PATIENCE = 20000;
const LARGE_REQUEST = 271828;
const LARGE_RESPONSE = 314159;
const STREAM_REQUESTS = [27182, 8, 1828, 45904];
const STREAM_RESPONSES = [31415, 9, 2653, 58979];
const GZIP = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip };
/** `GRPC_WRITE_NO_COMPRESS`, which grpc-js has no public name for. */
const NO_COMPRESS = 2;

function client(Service = TestService, callCredentials = null, more = {}) {
  // Otherwise channels with the same target share their connections, and no case could have a new one.
  const options = { "grpc.use_local_subchannel_pool": 1, ...more };
  let credentials = grpc.credentials.createInsecure();
  if (flags.use_tls === "true") {
    credentials = grpc.credentials.createSsl(fs.readFileSync(flags.ca_file));
    if (callCredentials) credentials = grpc.credentials.combineChannelCredentials(credentials, callCredentials);
    options["grpc.ssl_target_name_override"] = flags.server_host_override;
    options["grpc.default_authority"] = flags.server_host_override;
  }
  return new Service(`${flags.server_host}:${flags.server_port}`, credentials, options);
}

const stub = client();

const patient = (more = {}) => ({ deadline: Date.now() + PATIENCE, ...more });

const large = (more = {}) => ({ response_size: LARGE_RESPONSE, payload: payload(LARGE_REQUEST), ...more });

const ping = (request, response) => ({ response_parameters: [{ size: response }], payload: payload(request) });

function expectBody(answer, size) {
  assert.equal(answer.payload.body.length, size, "size of the payload");
  assert.ok(answer.payload.body.equals(Buffer.alloc(size)), "a payload of zeros");
}

/** A call with one request: its answer, and the metadata before and after it. */
function unary(method, request, { on = stub, metadata = new grpc.Metadata(), options = patient() } = {}) {
  return new Promise((resolve, reject) => {
    const got = {};
    const done = (error, answer) => (error ? reject(error) : (got.answer = answer));
    on[method](request, metadata, options, done)
      .on("metadata", (initial) => (got.initial = initial))
      .on("status", (status) => resolve({ ...got, trailing: status.metadata }));
  });
}

/** A call with a stream of requests and one answer. */
function clientStream(on, options = patient()) {
  let call;
  const answer = new Promise((resolve, reject) => {
    const done = (error, message) => (error ? reject(error) : resolve(message));
    call = on.StreamingInputCall(new grpc.Metadata(), options, done);
  });
  return { call, answer };
}

/** The answers of a call one by one; rejects with the status where that is not OK. */
const answers = (call) => call[Symbol.asyncIterator]();

async function expectEnd(reader, after) {
  assert.equal((await reader.next()).done, true, `the end after ${after}`);
}

async function expectAnswer(reader, size) {
  const { value, done } = await reader.next();
  assert.ok(!done, "there is an answer");
  expectBody(value, size);
}

async function expectError(outcome, code) {
  let error;
  try {
    await outcome;
  } catch (caught) {
    error = caught;
  }
  assert.ok(error, `the call went well; want ${grpc.status[code]}`);
  assert.equal(error.code, code, `the code, which comes with: ${error.message}`);
  return error;
}

/** Sends the messages that `plain` names without compression, though the call has one. */
const uncompressed = (plain) => (options, nextCall) =>
  new (class extends grpc.InterceptingCall {
    sendMessageWithContext(context, message) {
      const flags = plain(message) ? NO_COMPRESS : 0;
      super.sendMessageWithContext({ ...context, flags }, message);
    }
  })(nextCall(options));

const jwt = () => {
  const account = readJson(flags.service_account_key_file);
  return grpc.credentials.createFromMetadataGenerator((context, done) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${sign(account, context.service_url)}`);
    done(null, metadata);
  });
};

function expectAccount(answer, scope = "") {
  assert.equal(answer.username, readJson(flags.service_account_key_file).client_email, "username");
  assert.equal(answer.oauth_scope, scope, "oauth_scope");
}

async function expectUnaryStatus(message) {
  const request = { response_status: { code: grpc.status.UNKNOWN, message } };
  const error = await expectError(unary("UnaryCall", request), grpc.status.UNKNOWN);
  assert.equal(error.details, message, "the message");
}

async function soak(newChannelEach) {
  const end = Date.now() + 1000 * Number(flags.soak_overall_timeout_seconds);
  const acceptable = Number(flags.soak_per_iteration_max_acceptable_latency_ms);
  for (let i = 0; i < Number(flags.soak_iterations); i++) {
    const on = newChannelEach ? client() : stub;
    const start = Date.now();
    expectBody((await unary("UnaryCall", large(), { on })).answer, LARGE_RESPONSE);
    assert.ok(Date.now() - start <= acceptable, `the time that call ${i} took`);
    assert.ok(Date.now() <= end, "the time that all calls took");
    if (newChannelEach) on.close();
  }
}

const noFlag = () => assert.fail("grpc-js does not tell whether a message came compressed");

const cases = {
  async empty_unary() {
    assert.deepEqual((await unary("EmptyCall", {})).answer, {}, "an empty answer");
  },

  async cacheable_unary() {
    const body = Buffer.from(String(process.hrtime.bigint()));
    const metadata = new grpc.Metadata();
    metadata.set("x-user-ip", "1.2.3.4");
    const call = () => unary("CacheableUnaryCall", { payload: { body } }, { metadata });
    const [first, second] = [await call(), await call()].map(({ answer }) => answer.payload.body.toString());
    assert.equal(second, first, "the payload of the second call");
  },

  async large_unary() {
    expectBody((await unary("UnaryCall", large())).answer, LARGE_RESPONSE);
  },

  async client_compressed_unary() {
    const on = client(TestService, null, GZIP);
    const call = (announced, compressed) => {
      const options = patient({ interceptors: [uncompressed(() => !compressed)] });
      return unary("UnaryCall", large({ expect_compressed: { value: announced } }), { on, options });
    };
    await expectError(call(true, false), grpc.status.INVALID_ARGUMENT);
    expectBody((await call(true, true)).answer, LARGE_RESPONSE);
    expectBody((await call(false, false)).answer, LARGE_RESPONSE);
  },

  server_compressed_unary: noFlag,

  async client_streaming() {
    const { call, answer } = clientStream(stub);
    STREAM_REQUESTS.forEach((size) => call.write({ payload: payload(size) }));
    call.end();
    assert.equal((await answer).aggregated_payload_size, 74922, "aggregated_payload_size");
  },

  async client_compressed_streaming() {
    const on = client(TestService, null, GZIP);
    const message = (size, value) => ({ payload: payload(size), expect_compressed: { value } });

    const all = clientStream(on, patient({ interceptors: [uncompressed(() => true)] }));
    all.call.end(message(27182, true));
    await expectError(all.answer, grpc.status.INVALID_ARGUMENT);

    const plain = (request) => !request.expect_compressed.value;
    const some = clientStream(on, patient({ interceptors: [uncompressed(plain)] }));
    some.call.write(message(27182, true));
    some.call.end(message(45904, false));
    assert.equal((await some.answer).aggregated_payload_size, 73086, "aggregated_payload_size");
  },

  async server_streaming() {
    const request = { response_parameters: STREAM_RESPONSES.map((size) => ({ size })) };
    const reader = answers(stub.StreamingOutputCall(request, patient()));
    for (const size of STREAM_RESPONSES) await expectAnswer(reader, size);
    await expectEnd(reader, "four answers");
  },

  server_compressed_streaming: noFlag,

  async ping_pong() {
    const call = stub.FullDuplexCall(patient());
    const reader = answers(call);
    for (const [i, size] of STREAM_RESPONSES.entries()) {
      call.write(ping(STREAM_REQUESTS[i], size));
      await expectAnswer(reader, size);
    }
    call.end();
    await expectEnd(reader, "the half-close");
  },

  async empty_stream() {
    const call = stub.FullDuplexCall(patient());
    call.end();
    await expectEnd(answers(call), "nothing");
  },

  async custom_metadata() {
    const initial = "test_initial_metadata_value";
    const trailing = Buffer.from([0xab, 0xab, 0xab]);
    const metadata = new grpc.Metadata();
    metadata.set(ECHO_INITIAL, initial);
    metadata.set(ECHO_TRAILING, trailing);
    const expectEchoes = (got) => {
      assert.deepEqual(got.initial.get(ECHO_INITIAL), [initial], "initial metadata");
      assert.deepEqual(got.trailing.get(ECHO_TRAILING), [trailing], "trailing metadata");
    };
    const got = await unary("UnaryCall", large(), { metadata });
    expectBody(got.answer, LARGE_RESPONSE);
    expectEchoes(got);

    const call = stub.FullDuplexCall(metadata, patient());
    const first = new Promise((resolve) => call.on("metadata", resolve));
    const last = new Promise((resolve) => call.on("status", (status) => resolve(status.metadata)));
    call.end(ping(LARGE_REQUEST, LARGE_RESPONSE));
    const reader = answers(call);
    await expectAnswer(reader, LARGE_RESPONSE);
    await expectEnd(reader, "one answer");
    expectEchoes({ initial: await first, trailing: await last });
  },

  async status_code_and_message() {
    const message = "test status message";
    await expectUnaryStatus(message);
    const call = stub.FullDuplexCall(patient());
    call.end({ response_status: { code: grpc.status.UNKNOWN, message } });
    const error = await expectError(answers(call).next(), grpc.status.UNKNOWN);
    assert.equal(error.details, message, "the message");
  },

  async special_status_message() {
    await expectUnaryStatus("\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \u{1F608}\t\n");
  },

  async unimplemented_method() {
    await expectError(unary("UnimplementedCall", {}), grpc.status.UNIMPLEMENTED);
  },

  async unimplemented_service() {
    const on = client(UnimplementedService);
    await expectError(unary("UnimplementedCall", {}, { on }), grpc.status.UNIMPLEMENTED);
  },

  async cancel_after_begin() {
    const { call, answer } = clientStream(stub);
    call.cancel();
    await expectError(answer, grpc.status.CANCELLED);
  },

  async cancel_after_first_response() {
    const call = stub.FullDuplexCall(patient());
    const reader = answers(call);
    call.write(ping(27182, 31415));
    await expectAnswer(reader, 31415);
    call.cancel();
    await expectError(reader.next(), grpc.status.CANCELLED);
  },

  async timeout_on_sleeping_server() {
    const call = stub.FullDuplexCall({ deadline: Date.now() + 1 });
    call.write({ payload: payload(27182) });
    await expectError(answers(call).next(), grpc.status.DEADLINE_EXCEEDED);
  },

  rpc_soak: () => soak(false),

  channel_soak: () => soak(true),

  async concurrent_large_unary() {
    await Promise.all(Array.from({ length: 1000 }, cases.large_unary));
  },

  async jwt_token_creds() {
    const on = client(TestService, jwt());
    const { answer } = await unary("UnaryCall", large({ fill_username: true }), { on });
    expectBody(answer, LARGE_RESPONSE);
    expectAccount(answer);
  },

  async per_rpc_creds() {
    const options = patient({ credentials: jwt() });
    expectAccount((await unary("UnaryCall", { fill_username: true }, { options })).answer);
  },

  async oauth2_auth_token() {
    const token = readJson(flags.oauth_token_file);
    const credentials = grpc.credentials.createFromMetadataGenerator((_, done) => {
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${token.access_token}`);
      done(null, metadata);
    });
    const on = client(TestService, credentials);
    const request = { fill_username: true, fill_oauth_scope: true };
    expectAccount((await unary("UnaryCall", request, { on })).answer, token.scope);
  },
};

async function main() {
  assert.ok(Object.hasOwn(cases, flags.test_case), `there is no case ${flags.test_case}`);
  await cases[flags.test_case]();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`grpc-js client: ${error.message}`);
    process.exit(1);
  }
);
