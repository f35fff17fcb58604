"use strict";
// What client and server share: flags, the services, and tokens (JWT, RFC 7519, by RS256).

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

exports.ECHO_INITIAL = "x-grpc-test-echo-initial";
exports.ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";

/** `--name=value` of the command line, by name. */
exports.flags = () =>
  Object.fromEntries(
    process.argv.slice(2).map((word) => {
      const parts = /^--([^=]+)=(.*)$/.exec(word);
      if (!parts) throw new Error(`${word} is not of the form --name=value`);
      return parts.slice(1);
    })
  );

/** The package of the official cases; its files lie beside this program. */
exports.testing = () => {
  const definition = loader.loadSync("grpc/testing/test.proto", {
    includeDirs: [path.join(__dirname, "proto")],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  });
  return grpc.loadPackageDefinition(definition).grpc.testing;
};

exports.payload = (size) => ({ body: Buffer.alloc(size) });

exports.pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
exports.readJson = readJson;

/** A token by which the account says who it is, for this audience. */
exports.sign = (account, audience) => {
  const now = Math.floor(Date.now() / 1000);
  const email = account.client_email;
  const header = { alg: "RS256", typ: "JWT", kid: account.private_key_id };
  const claims = { iss: email, sub: email, aud: audience, iat: now, exp: now + 3600 };
  const text = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${text(header)}.${text(claims)}`;
  return `${signed}.${crypto.sign("sha256", Buffer.from(signed), account.private_key).toString("base64url")}`;
};

/** Whether the account's key signed the token. */
const isSigned = (account, token) => {
  const dot = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(dot + 1), "base64url");
  const key = crypto.createPublicKey(account.private_key);
  return dot > 0 && crypto.verify("sha256", Buffer.from(token.slice(0, dot)), key, signature);
};

/** Who a server knows. */
exports.Accounts = class {
  constructor(flags) {
    this.account = flags.service_account_key_file && readJson(flags.service_account_key_file);
    this.token = flags.oauth_token_file && readJson(flags.oauth_token_file);
  }

  /** Whose call this is, and what the token is good for. */
  caller(metadata) {
    const [value] = metadata.get("authorization");
    if (!value) return { username: "", oauth_scope: "" };
    const token = value.slice("Bearer ".length);
    if (this.token && token === this.token.access_token) {
      return { username: this.token.email, oauth_scope: this.token.scope };
    }
    if (this.account && isSigned(this.account, token)) {
      return { username: this.account.client_email, oauth_scope: "" };
    }
    throw { code: grpc.status.UNAUTHENTICATED, details: "the token is not known here" };
  }
};
