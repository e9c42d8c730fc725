"""Processes: fork, spawn, pickling, signals, sudden death, and what is left behind."""

from __future__ import annotations

import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import random
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, List, Set

import numpy as np
import pytest
from conftest import LONG, PATIENCE_S, SAMPLES, alive, engine_pid, eventually, finish, listening, script

import stoker

Make = Callable[..., stoker.Loader]

TRAINER = """
import sys, stoker
loader = stoker.Loader(sys.argv[1], 8, image=stoker.RandomResizedCrop(16), seed=int(sys.argv[2]))
print("ready", flush=True)
while True:
    for batch in loader:
        pass
"""


def indices(batches: Any) -> List[int]:
    return [int(i) for batch in batches for i in batch["index"][: batch.valid]]


def epoch_of(loader: stoker.Loader) -> List[int]:
    """Iterate in another process."""
    return indices(loader)


def in_child(work: Callable[[], Any]) -> Any:
    """Run in a forked child and return what it returns."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: threads and fork
        child = os.fork()
    if child == 0:
        gc.disable()  # what JAX left here may want a lock of a thread that the child does not have
        try:
            result = pickle.dumps(work())
        except BaseException as err:
            result = pickle.dumps(err)
        with os.fdopen(write, "wb") as out:
            out.write(result)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as into:
        if not select.select([into], [], [], 4 * PATIENCE_S)[0]:
            os.kill(child, signal.SIGKILL)
        result = pickle.loads(into.read())
    os.waitpid(child, 0)
    if isinstance(result, BaseException):
        raise result
    return result


# -- fork ------------------------------------------------------------------------------


def test_fork_before_the_first_batch(make: Make) -> None:
    loader = make()
    expected = indices(make())
    assert in_child(lambda: indices(loader)) == expected
    assert indices(loader) == expected


def test_fork_in_the_middle(make: Make) -> None:
    """Parent and child go on from the same place, each by itself."""
    loader = make()
    iterator = iter(loader)
    next(iterator)
    expected = indices(make())[8:]
    assert in_child(lambda: indices(iterator)) == expected
    assert indices(iterator) == expected
    assert in_child(lambda: indices(loader)) == indices(loader) == indices(make(epoch=1))


def test_batches_that_a_child_inherits_do_not_change(make: Make) -> None:
    """The child's views are copies once the parent may release the slots."""
    loader = make(prefetch_batches=1)
    iterator = iter(loader)
    batch = next(iterator)
    before = batch["image"].tobytes()
    begun, go = os.pipe(), os.pipe()

    def read_later() -> bool:
        os.write(begun[1], b"x")
        os.read(go[0], 1)
        return batch["image"].tobytes() == before

    results: List[bool] = []
    child = threading.Thread(target=lambda: results.append(in_child(read_later)))
    child.start()
    assert select.select([begun[0]], [], [], PATIENCE_S)[0], "the child does not run"
    batch = None
    for _ in range(3):
        for _ in loader:
            pass
    os.write(go[1], b"x")
    child.join()
    assert results == [True]


def test_fork_leaves_the_parents_session_alone(make: Make) -> None:
    loader = make()
    iterator = iter(loader)
    held = next(iterator)

    def drop_everything() -> bool:
        nonlocal held, iterator
        before = held["image"].tobytes()
        loader.close()
        same = held["image"].tobytes() == before
        held = iterator = None
        return same

    before = held["image"].tobytes()
    assert in_child(drop_everything)
    assert held["image"].tobytes() == before
    assert len(list(iterator)) == 6


def test_fork_with_threads_that_iterate(make: Make) -> None:
    loader = make()
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for _ in loader:
                pass

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        other = make(seed=3)
        expected = indices(make(seed=3))
        for _ in range(5):
            assert in_child(lambda: indices(other)) == expected
    finally:
        stop.set()
        thread.join()


# -- other processes -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_pickled_to_another_process(make: Make, method: str) -> None:
    loader = make(seed=2)
    for batch in loader:
        if batch.step == 2:
            break
    context = multiprocessing.get_context(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            assert pool.submit(epoch_of, loader).result(4 * PATIENCE_S) == indices(make(seed=2, epoch=1))


def test_a_pickle_is_specification_and_place(make: Make) -> None:
    loader = make(seed=2)
    again = pickle.loads(pickle.dumps(loader))
    assert len(pickle.dumps(loader)) < 4096
    assert again._session is None
    loader.load_state_dict({**loader.state_dict(), "epoch": 5, "position": 16})
    again = pickle.loads(pickle.dumps(loader))
    assert again.state_dict() == loader.state_dict()
    assert indices(again) == indices(loader)
    again.close()


def test_two_programs_share_an_engine(own_engine: str, dataset: str) -> None:
    programs = [script(TRAINER, dataset, seed) for seed in range(2)]
    try:
        for program in programs:
            assert program.stdout.readline() == "ready\n"
        loader = stoker.Loader(dataset, 8, image=stoker.RandomResizedCrop(16))
        pid = engine_pid(loader)
        assert len(indices(loader)) == SAMPLES
        loader.close()
    finally:
        for program in programs:
            program.kill()
            program.communicate()
    assert eventually(lambda: not alive(pid))
    assert not listening(own_engine)


def test_the_engine_leaves_after_the_last_loader(own_engine: str, dataset: str) -> None:
    loader = stoker.Loader(dataset, 8)
    pid = engine_pid(loader)
    loader.close()
    assert eventually(lambda: not alive(pid))


def test_a_loader_that_is_dropped(own_engine: str, dataset: str) -> None:
    """Nobody closed it, and no garbage collection runs: its session ends all the same."""
    gc.disable()
    try:
        loader = stoker.Loader(dataset, 8)
        pid = engine_pid(loader)
        next(iter(loader))
        del loader
        assert eventually(lambda: not alive(pid))
    finally:
        gc.enable()


def test_the_end_of_a_program(own_engine: str, dataset: str) -> None:
    """Loaders that nobody closed, a half-used iterator, batches in globals: no noise, no orphan."""
    program = script(
        """
import sys, stoker
loader = stoker.Loader(sys.argv[1], 8, image=stoker.RandomResizedCrop(16))
iterator = iter(loader)
kept = [next(iterator) for _ in range(3)]
print(loader._session.engine_pid)
""",
        dataset,
    )
    out, err = program.communicate(timeout=4 * PATIENCE_S)
    assert (program.returncode, err) == (0, "")
    assert eventually(lambda: not alive(int(out)))


def test_ctrl_c(own_engine: str, dataset: str) -> None:
    """KeyboardInterrupt comes at once, also while waiting; the loader stays usable; the engine lives."""
    program = script(
        """
import sys, stoker
loader = stoker.Loader(sys.argv[1], 2, image=stoker.RandomResizedCrop(512), workers=1, prefetch_batches=1)
interrupts = 0
while interrupts < 50:
    try:
        print("in the loop", flush=True)
        while True:
            for batch in loader:
                place = batch.epoch, batch.position
                assert loader.state_dict()["position"] == batch.position
    except KeyboardInterrupt:
        interrupts += 1
print(sum(b.valid for b in loader))
""",
        dataset,
    )
    for _ in range(50):
        assert program.stdout.readline() == "in the loop\n"
        time.sleep(random.uniform(0.001, 0.02))
        program.send_signal(signal.SIGINT)
        # Python itself forgets an interrupt that comes just when a destructor begins:
        # a person presses again, here late enough not to press twice for one.
        while not select.select([program.stdout], [], [], 10)[0]:
            program.send_signal(signal.SIGINT)
    assert int(finish(program)) == SAMPLES


# -- sudden death ----------------------------------------------------------------------


@pytest.fixture
def no_remains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Check that nothing is left on disk or in shared memory."""

    def shared() -> Set[str]:
        names = os.listdir("/dev/shm") if Path("/dev/shm").is_dir() else []
        return {n for n in names if "stoker" in n and not n.startswith("stoker-test-")}  # which Go's tests make

    before = shared()
    empty = tmp_path / "tmp"
    empty.mkdir()
    monkeypatch.setenv("TMPDIR", str(empty))
    yield
    assert os.listdir(empty) == []
    assert shared() <= before


def test_kill_9_of_the_trainer(no_remains: None, own_engine: str, dataset: str) -> None:
    for round_ in range(100 if LONG else 10):
        trainer = script(TRAINER, dataset, round_)
        try:
            # From before the engine runs until the middle of an epoch.
            time.sleep(random.uniform(0.0, 0.6))
        finally:
            trainer.kill()
            trainer.communicate()
        with stoker.Loader(dataset, 8, image=stoker.RandomResizedCrop(16)) as loader:
            pid = engine_pid(loader)
            assert len(indices(loader)) == SAMPLES
    assert eventually(lambda: not alive(pid)), "the engine outlived its last client"


def test_kill_9_of_a_trainer_alone_ends_its_engine(own_engine: str, dataset: str) -> None:
    for round_ in range(20 if LONG else 3):
        trainer = script(TRAINER, dataset, round_)
        assert trainer.stdout.readline() == "ready\n"
        with stoker.Loader(dataset, 8) as loader:
            pid = engine_pid(loader)
        trainer.kill()
        trainer.communicate()
        assert eventually(lambda: not alive(pid))


def test_kill_9_of_the_engine(no_remains: None, own_engine: str, make: Make) -> None:
    """The stream goes on, unchanged, with one warning for each death."""
    loader = make(seed=6)
    loader.set_epoch(1)
    expected = [(b.epoch, b.step, b["image"].tobytes()) for _ in range(3) for b in loader]
    for _ in range(100 if LONG else 10):
        loader.set_epoch(1)
        got = []
        pid = engine_pid(loader)
        moment = random.uniform(0, 0.02)
        killer = threading.Timer(moment, os.kill, (pid, signal.SIGKILL))
        killer.start()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(3):
                for batch in loader:
                    got.append((batch.epoch, batch.step, batch["image"].tobytes()))
                    time.sleep(0.0005)
        killer.join()
        assert got == expected
        assert len(told) <= 1
        for warning in told:
            assert "the engine died" in str(warning.message)
            assert warning.filename == __file__
        assert eventually(lambda: not alive(pid))
    loader.close()


def test_kept_batches_survive_the_engine(own_engine: str, make: Make) -> None:
    loader = make()
    iterator = iter(loader)
    kept = [next(iterator), next(iterator)]
    prints = [b["image"].tobytes() for b in kept]
    os.kill(engine_pid(loader), signal.SIGKILL)
    with pytest.warns(RuntimeWarning, match="the engine died"):
        rest = list(iterator)
    assert [b.step for b in kept + rest] == list(range(7))
    assert [b["image"].tobytes() for b in kept] == prints


def test_an_engine_that_always_dies(own_engine: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from stoker._session import Session

    loader = make()
    iterator = iter(loader)
    next(iterator)
    deaths = []

    def die(session: Session) -> Any:
        pid = engine_pid(loader)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not alive(pid))
        deaths.append(pid)
        while True:  # through what it sent before
            session._receive()

    monkeypatch.setattr(Session, "_next_frame", die)
    with pytest.warns(RuntimeWarning, match="the engine died"), pytest.raises(stoker.EngineError, match="4 times"):
        next(iterator)
    assert len(set(deaths)) == 4
    monkeypatch.undo()
    assert indices(loader) == indices(make(epoch=1))


def test_state_while_the_engine_is_dead(own_engine: str, make: Make) -> None:
    loader = make()
    for batch in loader:
        if batch.step == 3:
            break
    pid = engine_pid(loader)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not alive(pid))
    assert loader.state_dict()["position"] == 32
    assert loader.report().startswith("waited for data")


# -- over and over ---------------------------------------------------------------------


def resources(pid: int) -> np.ndarray:
    """Return resident memory in kB, file descriptors, and threads of a process."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return np.array([int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])])


def flat(work: Callable[[], None], engine: int, share: float, kilobytes: int) -> None:
    """Check that work leaves nothing here or in the engine: what leaks grows every time,
    a runtime's tables and threads, or sessions that have yet to end, only now and then.
    """

    def measure() -> np.ndarray:
        return np.array([resources(os.getpid()), resources(engine)])

    for _ in range(5):
        before = measure()
        work()
        most = before + np.stack([before[:, 0] * share + kilobytes, [1, 1], [2, 2]], 1)
        if eventually(lambda most=most: bool((measure() <= most).all()), 5):
            return
    raise AssertionError(f"from {before.tolist()} to {measure().tolist()}")


def test_breaking_out_leaves_nothing(make: Make, own_engine: str) -> None:
    """10,000 times with STOKER_LONG: no growth of memory, file descriptors, threads."""
    loader = make(batch_size=4)

    def leave(times: int) -> None:
        for _ in range(times):
            for _ in loader:
                break

    rounds = 10_000 if LONG else 400
    leave(rounds // 4)
    flat(lambda: leave(rounds), engine_pid(loader), 0.02, 2000)


def test_opening_and_closing_leaves_nothing(dataset: str, make: Make, own_engine: str) -> None:
    def again(times: int) -> None:
        for _ in range(times):
            with stoker.Loader(dataset, 8, image=stoker.RandomResizedCrop(16)) as loader:
                next(iter(loader))

    engine = engine_pid(make())
    again(20)
    flat(lambda: again(500 if LONG else 60), engine, 0.05, 4000)


def test_a_notebook(own_engine: str, dataset: str) -> None:
    """A cell that failed keeps its traceback, and with it a batch; the cell is run again and again."""
    program = script(
        """
import code, sys, stoker
console = code.InteractiveConsole({"stoker": stoker, "path": sys.argv[1]})
console.push("loader = stoker.Loader(path, 8, image=stoker.RandomResizedCrop(16))")
for _ in range(30):
    console.push("for batch in loader: x = 1 / (batch.step - 3)\\n")
    console.push("")
console.push("print(sum(b.valid for b in loader), loader.epoch)")
""",
        dataset,
    )
    out, err = program.communicate(timeout=4 * PATIENCE_S)
    assert out.split() == [str(SAMPLES), "31"], err
    assert err.count("ZeroDivisionError") == 30
    assert "RuntimeWarning" not in err


def test_importing_is_cheap_and_clean() -> None:
    code = (
        "import sys, stoker; print(sorted(m for m in ('torch', 'jax', 'tqdm', 'PIL', 'pyarrow') if m in sys.modules))"
    )
    assert finish(script(code)) == "[]\n"
    assert subprocess.run([sys.executable, "-W", "error", "-c", "import stoker"], env=None, check=False).returncode == 0
