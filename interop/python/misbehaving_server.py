"""The server of the negative HTTP/2 interop cases, on the package h2, which is nobody's gRPC.

    python misbehaving_server.py PORT CASE

Answers grpc.testing.TestService/UnaryCall by 314159 bytes of zeros, and does what CASE says beside it or instead. At the
end of each connection it writes a line to its standard error, "ok: ..." or "FAILED: ...", for what a server can see of
the client's part.
"""
import socket
import struct
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

RESPONSE_SIZE = 314159
# A connection on which nothing comes for so long is given up.
SILENCE = 30


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def message():
    """A SimpleResponse with its prefix: field 1 (payload) holds field 2 (body)."""
    payload = b"\x12" + varint(RESPONSE_SIZE) + bytes(RESPONSE_SIZE)
    response = b"\x0a" + varint(len(payload)) + payload
    return struct.pack(">BI", 0, len(response)) + response


MESSAGE = message()
HEAD = [(":status", "200"), ("content-type", "application/grpc+proto")]
TRAILERS = [("grpc-status", "0")]


class Connection:
    """One client's connection; `case` says what is done wrong on it."""

    def __init__(self, sock, case, report):
        self.sock, self.case, self.report = sock, case, report
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        # What is left to be sent on each stream, in their order.
        self.unsent = {}
        self.pings = 0
        self.pinged = 0
        self.streams = []
        self.open = set()
        self.most_open = 0
        self.said_goaway = False

    def run(self):
        self.h2.initiate_connection()
        if self.case == "max_streams":
            self.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        self.flush()
        try:
            while data := self.sock.recv(65536):
                for event in self.h2.receive_data(data):
                    self.handle(event)
                self.send_on()
                self.flush()
        except h2.exceptions.ProtocolError as error:
            self.flush()
            return self.report(False, f"the client broke the protocol: {error!r}")
        except OSError:
            # A client that resets its connection at its end breaks no rule.
            pass
        self.verdict()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams.append(event.stream_id)
            self.open.add(event.stream_id)
            self.most_open = max(self.most_open, len(self.open))
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings -= 1
        elif isinstance(event, h2.events.StreamReset):
            self.open.discard(event.stream_id)
            self.unsent.pop(event.stream_id, None)

    def ping(self):
        if self.case == "ping":
            self.pings += 1
            self.pinged += 1
            self.h2.ping(struct.pack(">Q", self.pinged))

    def answer(self, stream):
        self.ping()
        self.h2.send_headers(stream, HEAD)
        self.ping()
        if self.case == "goaway" and not self.said_goaway:
            self.said_goaway = True
            # h2 would close its side with it: the frame is written by hand. NO_ERROR, all streams so far are served.
            self.flush()
            self.sock.sendall(struct.pack(">HBBBI", 0, 8, 7, 0, 0) + struct.pack(">II", stream, 0))
        if self.case == "rst_after_header":
            return self.reset(stream)
        wanted = MESSAGE[: len(MESSAGE) // 2] if self.case == "rst_during_data" else MESSAGE
        self.unsent[stream] = wanted

    def reset(self, stream):
        self.h2.reset_stream(stream, h2.errors.ErrorCodes.NO_ERROR)
        self.open.discard(stream)

    def send_on(self):
        """Sends what the windows let through; ends what is sent."""
        for stream in list(self.unsent):
            self.ping()
            while self.unsent[stream]:
                size = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                padding = 255 if self.case == "data_frame_padding" else None
                if padding:
                    # A few bytes and much padding, which counts for the windows too.
                    size = min(size - padding - 1, 1000)
                if size <= 0:
                    break
                chunk, self.unsent[stream] = self.unsent[stream][:size], self.unsent[stream][size:]
                self.h2.send_data(stream, chunk, pad_length=padding)
            else:
                del self.unsent[stream]
                self.ping()
                self.end(stream)

    def end(self, stream):
        if self.case in ("rst_during_data", "rst_after_data"):
            return self.reset(stream)
        self.h2.send_headers(stream, TRAILERS, end_stream=True)
        self.open.discard(stream)

    def verdict(self):
        if not self.streams:
            return None  # Whoever only looked whether somebody listens.
        if self.case == "ping":
            return self.report(self.pinged > 3 and self.pings == 0, f"{self.pinged} pings, {self.pings} not answered")
        if self.case == "max_streams":
            # Before the client has seen the setting it may open more; the first call is there for that.
            later = f"{len(self.streams)} streams, at most {self.most_open} at a time"
            return self.report(len(self.streams) > 10 and self.most_open == 1, later)
        if self.case == "goaway":
            return self.report(len(self.streams) == 1, f"{len(self.streams)} streams on a connection that was to end")
        return self.report(True, f"{len(self.streams)} streams")


def main(port, case):
    lock = threading.Lock()

    def report(good, text):
        with lock:
            print("ok:" if good else "FAILED:", text, file=sys.stderr, flush=True)

    def serve(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(SILENCE)
        with sock:
            Connection(sock, case, report).run()

    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
