"""Prepared models in files, between real driver processes."""

import os

import pytest

from hal.types import ResultCode
from protos.nnhal.v1 import device_pb2
from tests.drivers.sdk.calls import error_of, execute, iter_until_prepared, prepared, relu

TOKEN = bytes(range(32))


@pytest.fixture
def publish(folder):
    """Publishes a file."""
    opened = []

    def publish(path):
        opened.append(path.open("r+b"))
        return folder.publish(opened[-1].fileno())

    yield publish
    for file in opened:
        file.close()


@pytest.fixture
def file(tmp_path, service, publish):
    """A file that a driver has kept a model in."""
    path = tmp_path / "model"
    path.touch()
    call, _ = prepared(service, cache=device_pb2.Cache(token=TOKEN, model_regions=[publish(path)]))
    call.cancel()
    return path


def from_cache(service, region, token=TOKEN, **fields):
    cache = device_pb2.Cache(token=token, model_regions=[region])
    call = service.stub.PrepareModelFromCache(device_pb2.PrepareModelFromCacheRequest(cache=cache, **fields))
    *_, last = iter_until_prepared(call)
    return call, last.prepared.token


def test_another_process_of_the_driver_takes_it(file, publish, start):
    service = start()
    call, token = from_cache(service, publish(file), timeout_ns=20_000_000_000)
    assert execute(service, token, [1, -1, 2, -2]).tolist() == [1, 0, 2, 0]
    error = error_of(lambda: execute(service, token, [1, 2, 3]))
    assert (error.code, "needs 16" in error.message) == (ResultCode.BAD_DATA, True), "requests are still validated"
    call.cancel()


def test_an_earlier_file_is_replaced_whole(file, service, publish):
    before = file.read_bytes()
    os.truncate(file, 10 * len(before))
    call, _ = prepared(service, cache=device_pb2.Cache(token=TOKEN, model_regions=[publish(file)]))
    call.cancel()
    assert file.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "token"])
def test_damaged_files_are_refused(file, service, publish, damage):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    token = TOKEN
    if damage == "cut":
        os.truncate(file, len(content) // 2)
    elif damage == "flipped":
        file.write_bytes(content)
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        token = bytes(32)
    error = error_of(lambda: from_cache(service, publish(file), token))
    assert (error.code, "cache file" in error.message) == (ResultCode.BAD_DATA, True)


def test_a_cache_that_is_none(file, service, network_service, publish):
    region = publish(file)
    for cache, reason in (
        (device_pb2.Cache(token=b"short", model_regions=[region]), "32"),
        (device_pb2.Cache(token=TOKEN), "model files"),
        (device_pb2.Cache(token=TOKEN, model_regions=[region], data_regions=[region]), "data files"),
        (device_pb2.Cache(token=TOKEN, model_regions=["app-1-0/r0"]), "no shared-memory region"),
        (device_pb2.Cache(token=TOKEN, model_regions=["../etc"]), "not the name"),
    ):
        message = device_pb2.PrepareModelFromCacheRequest(cache=cache)
        error = error_of(lambda message=message: list(service.stub.PrepareModelFromCache(message)))
        assert (error.code, reason in error.message) == (ResultCode.BAD_DATA, True), error.message
        message = device_pb2.PrepareModelRequest(model=relu(), cache=cache)
        error = error_of(lambda message=message: list(service.stub.PrepareModel(message)))
        assert (error.code, reason in error.message) == (ResultCode.BAD_DATA, True), error.message
    error = error_of(lambda: from_cache(network_service, region))
    assert (error.code, "on the network" in error.message) == (ResultCode.BAD_DATA, True)


def test_a_fault_refuses(file, publish, start, tmp_path):
    description = tmp_path / "faulty.toml"
    from drivers.cpu.device import CpuDevice

    description.write_text(CpuDevice().text + '\n[[faults]]\nkind = "refuse_cache"\nevery = 1\n')
    service = start(str(description))
    own = tmp_path / "own"
    own.touch()
    call, _ = prepared(service, cache=device_pb2.Cache(token=TOKEN, model_regions=[publish(own)]))
    call.cancel()
    error = error_of(lambda: from_cache(service, publish(own)))
    assert (error.code, "a fault that was set" in error.message) == (ResultCode.BAD_DATA, True)
