"""Uses a generated module on whatever protobuf runtime this Python has: `read_options.py FOLDER`."""
import sys

sys.path.insert(0, sys.argv[1])
import google.protobuf
from shop import order_pb2

order = order_pb2.Order(id=order_pb2.Id(value="seven"))
order.parts.add(name="é", price=-1)
assert order_pb2.Order.FromString(order.SerializeToString()) == order
assert order_pb2.Order.DESCRIPTOR.fields_by_name["parts"].GetOptions().deprecated
print(google.protobuf.__version__)
