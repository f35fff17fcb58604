"use strict";
// The official interop server by grpc-js: --port=PORT [--use_tls=true --tls_cert_file=PEM --tls_key_file=PEM].
// grpc-js compresses no answers and does not tell whether a message came compressed.

const fs = require("fs");

const grpc = require("@grpc/grpc-js");

const { Accounts, ECHO_INITIAL, ECHO_TRAILING, flags: readFlags, pause, payload, testing } = require("./common");

const flags = readFlags();
const accounts = new Accounts(flags);

/** Sends back what the caller wants echoed at the beginning; returns what it wants echoed at the end. */
function echo(call) {
  const initial = new grpc.Metadata();
  const trailing = new grpc.Metadata();
  call.metadata.get(ECHO_INITIAL).forEach((value) => initial.add(ECHO_INITIAL, value));
  call.metadata.get(ECHO_TRAILING).forEach((value) => trailing.add(ECHO_TRAILING, value));
  if (initial.get(ECHO_INITIAL).length > 0) call.sendMetadata(initial);
  return trailing;
}

/** The status that the request asks for, thrown. */
function refuseIfAsked({ response_status: wanted }) {
  if (wanted && wanted.code !== 0) throw { code: wanted.code, details: wanted.message };
}

async function sendAnswers(call, request) {
  refuseIfAsked(request);
  for (const wanted of request.response_parameters) {
    if (wanted.interval_us > 0) await pause(wanted.interval_us / 1000);
    if (!call.write({ payload: payload(wanted.size) })) {
      await new Promise((done) => call.once("drain", done).once("cancelled", done));
    }
  }
}

/** The messages of a call. What reads them must not end the call, as an iterator of a stream does by itself. */
const requests = (call) => call.iterator({ destroyOnReturn: false });

/** A handler with one answer: what it returns, or the status that it throws. */
const unary = (handler) => (call, callback) => {
  const trailing = echo(call);
  Promise.resolve()
    .then(() => handler(call))
    .then((answer) => callback(null, answer, trailing))
    .catch((status) => callback(status));
};

/** A handler that writes its answers itself. */
const streaming = (handler) => (call) => {
  const trailing = echo(call);
  handler(call)
    .then(() => call.end(trailing))
    .catch((status) => call.emit("error", status));
};

const service = {
  EmptyCall: unary(() => ({})),

  UnaryCall: unary((call) => {
    const request = call.request;
    refuseIfAsked(request);
    const caller = accounts.caller(call.metadata);
    const answer = { payload: payload(request.response_size) };
    if (request.fill_username) answer.username = caller.username;
    if (request.fill_oauth_scope) answer.oauth_scope = caller.oauth_scope;
    return answer;
  }),

  CacheableUnaryCall: unary((call) => {
    const metadata = new grpc.Metadata();
    metadata.set("cache-control", "max-age=60, public");
    call.sendMetadata(metadata);
    return { payload: { body: Buffer.from(String(process.hrtime.bigint())) } };
  }),

  StreamingInputCall: unary(async (call) => {
    let size = 0;
    for await (const request of requests(call)) size += request.payload ? request.payload.body.length : 0;
    return { aggregated_payload_size: size };
  }),

  StreamingOutputCall: streaming((call) => sendAnswers(call, call.request)),

  FullDuplexCall: streaming(async (call) => {
    for await (const request of requests(call)) await sendAnswers(call, request);
  }),

  HalfDuplexCall: streaming(async (call) => {
    const all = [];
    for await (const request of requests(call)) all.push(request);
    for (const request of all) await sendAnswers(call, request);
  }),
};

const server = new grpc.Server();
server.addService(testing().TestService.service, service);
let credentials = grpc.ServerCredentials.createInsecure();
if (flags.use_tls === "true") {
  const pair = { private_key: fs.readFileSync(flags.tls_key_file), cert_chain: fs.readFileSync(flags.tls_cert_file) };
  credentials = grpc.ServerCredentials.createSsl(null, [pair]);
}
server.bindAsync(`127.0.0.1:${flags.port}`, credentials, (error) => {
  if (!error) return;
  console.error(`grpc-js server: ${error.message}`);
  process.exit(1);
});
