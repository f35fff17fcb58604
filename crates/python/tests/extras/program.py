"""Uses generated code in every way, by both APIs: checked by `mypy --strict`, and run."""
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pkg.gen.shop import ids_pb2, order_pb2, order_pb2_grpc
from pkg.gen.shop.parts import part_pb2

if TYPE_CHECKING:
    from pkg.gen.shop.order_pb2_grpc import OrdersAsyncStub


class SyncOrders(order_pb2_grpc.OrdersServicer):
    def Place(self, request: order_pb2.Order, context: grpc.ServicerContext) -> ids_pb2.Id:
        context.set_trailing_metadata((("seen", request.id.value),))
        return ids_pb2.Id(value=request.id.value)

    def Watch(self, request: ids_pb2.Id, context: grpc.ServicerContext) -> Iterator[order_pb2.Order]:
        yield order_pb2.Order(id=request)

    def Upload(self, request_iterator: Iterator[part_pb2.Part], context: grpc.ServicerContext) -> ids_pb2.Id:
        return ids_pb2.Id(value=",".join(part.name for part in request_iterator))

    def Chat(
        self, request_iterator: Iterator[order_pb2.Order], context: grpc.ServicerContext
    ) -> Iterator[part_pb2.Part]:
        for order in request_iterator:
            yield part_pb2.Part(name=order.id.value)


class AsyncOrders(order_pb2_grpc.OrdersServicer):
    async def Place(
        self, request: order_pb2.Order, context: grpc.aio.ServicerContext[order_pb2.Order, ids_pb2.Id]
    ) -> ids_pb2.Id:
        return ids_pb2.Id(value=request.id.value)

    async def Watch(
        self, request: ids_pb2.Id, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[order_pb2.Order]:
        yield order_pb2.Order(id=request)

    async def Upload(
        self, request_iterator: AsyncIterator[part_pb2.Part], context: grpc.aio.ServicerContext[Any, Any]
    ) -> ids_pb2.Id:
        return ids_pb2.Id(value=",".join([part.name async for part in request_iterator]))

    async def Chat(
        self, request_iterator: AsyncIterator[order_pb2.Order], context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        async for order in request_iterator:
            await context.write(part_pb2.Part(name=order.id.value))


ORDER = order_pb2.Order(id=ids_pb2.Id(value="seven"))


def use_sync(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = order_pb2_grpc.OrdersStub(channel)
        placed: ids_pb2.Id = stub.Place(ORDER, timeout=10)
        assert placed.value == "seven"
        watched: list[order_pb2.Order] = list(stub.Watch(placed, timeout=10))
        assert watched == [ORDER]
        parts = iter([part_pb2.Part(name="a"), part_pb2.Part(name="b")])
        assert stub.Upload(parts, timeout=10).value == "a,b"
        assert [part.name for part in stub.Chat(iter([ORDER, ORDER]), timeout=10)] == ["seven", "seven"]


async def use_async(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: OrdersAsyncStub = order_pb2_grpc.OrdersStub(channel)
        placed: ids_pb2.Id = await stub.Place(ORDER, timeout=10)
        assert [order async for order in stub.Watch(placed, timeout=10)] == [ORDER]
        assert (await stub.Upload(iter([part_pb2.Part(name="a")]), timeout=10)).value == "a"
        assert [part.name async for part in stub.Chat(iter([ORDER]), timeout=10)] == ["seven"]


async def serve_async() -> None:
    server = grpc.aio.server()
    order_pb2_grpc.add_OrdersServicer_to_server(AsyncOrders(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await use_async(f"127.0.0.1:{port}")
    await server.stop(None)


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    order_pb2_grpc.add_OrdersServicer_to_server(SyncOrders(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    use_sync(f"127.0.0.1:{port}")
    asyncio.run(use_async(f"127.0.0.1:{port}"))
    server.stop(None)
    asyncio.run(serve_async())
    print("used")


main()
