"""The sampler that `stoker run` puts into Python processes (internal/run/sampler/py).

Frameworks are played by small packages with the insides that the sampler looks
for; test_sampler_real.py does the same with those that are installed.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

SAMPLER = Path(__file__).parents[2] / "internal/run/sampler/py"

FAKE_LOADER = """
    import time

    class _Sampler:
        batch_size, sampler = 4, []

    class _BaseDataLoaderIter:
        _dataset_kind, _index_sampler, _num_workers = 0, _Sampler(), 0

        def __init__(self, loader):
            self._dataset, self.left = loader.dataset, len(loader)

        def __iter__(self):
            return self

        def __next__(self):
            if self.left == 0:
                raise StopIteration
            self.left -= 1
            return self._dataset.batch()

    class DataLoader:
        "A loader."
        def __init__(self, dataset, batches):
            self.dataset, self.batches = dataset, batches

        def __len__(self):
            return self.batches

        def __iter__(self):
            return _BaseDataLoaderIter(self)
"""


@pytest.fixture
def site(tmp_path):
    """A directory on PYTHONPATH, with a torch that has nothing but a DataLoader."""
    data = tmp_path / "site" / "torch" / "utils" / "data"
    data.mkdir(parents=True)
    for d in (data, data.parent, data.parent.parent):
        (d / "__init__.py").write_text("")
    (data / "dataloader.py").write_text(textwrap.dedent(FAKE_LOADER))
    return tmp_path / "site"


class Run:
    """What a script left behind."""

    def __init__(self, done, probe):
        self.out, self.err, self.code = done.stdout, done.stderr, done.returncode
        self.reports = [json.loads(p.read_text()) for p in sorted(probe.glob("*.json")) if p.stem.isdigit()]

    @property
    def main(self):
        return max(self.reports, key=lambda r: r["steps"]["count"])


@pytest.fixture
def run(tmp_path, site):
    def run(script, *flags, python=sys.executable, env=None, check=True):
        probe = tmp_path / "probe"
        shutil.rmtree(probe, ignore_errors=True)
        probe.mkdir()
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(script))
        variables = {**os.environ, "STOKER_PROBE": str(probe), "PYTHONPATH": f"{SAMPLER}{os.pathsep}{site}", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        done = subprocess.run([python, *flags, str(path)], env=variables, capture_output=True, text=True, timeout=600, cwd=tmp_path)
        if check:
            assert done.returncode == 0, done.stderr
        return Run(done, probe)

    return run


TRAIN = """
    import os, time, sys
    from torch.utils.data import dataloader

    class Data:
        def __init__(self, seconds):
            self.seconds = seconds

        def __len__(self):
            return 1000

        def batch(self):
            time.sleep(self.seconds)
            return [0]

    begin = time.monotonic()  # until the sampler has found the module
    while os.environ["STOKER_PROBE"] and not hasattr(dataloader.DataLoader.__iter__, "__wrapped__"):
        assert time.monotonic() < begin + 60
        time.sleep(0.01)
"""


def pythons():
    """Other versions of Python on this machine, newest first."""
    found = [shutil.which(f"python3.{minor}") for minor in (14, 13, 12, 11, 10, 9, 8)]
    found += [str(p) for p in Path.home().glob(".pyenv/versions/3.*/bin/python")]
    works = [p for p in found if p and subprocess.run([p, "-c", "import sys; assert sys.version_info >= (3, 8)"], capture_output=True).returncode == 0]
    return works or [sys.executable]


def share(report):
    return report["steps"]["wait"]["sum"] / report["steps"]["seconds"]["sum"]


@pytest.mark.parametrize("wait, compute", [(0.0, 0.02), (0.002, 0.018), (0.008, 0.012), (0.016, 0.004)])
def test_known_wait(run, wait, compute):
    r = run(
        TRAIN
        + f"""
    waits = total = 0.0
    loader = dataloader.DataLoader(Data({wait}), 80)
    it, last = iter(loader), None
    for k in range(80):
        begin = time.perf_counter()
        if k > 5:
            total += begin - last
            waits += waited
        next(it)
        waited, last = time.perf_counter() - begin, begin
        end = begin + waited + {compute}
        while time.perf_counter() < end:
            sum(range(500))
    print(waits / total)
    """
    )
    assert abs(share(r.main) - float(r.out)) < 0.01
    assert r.main["role"] == "main"
    assert r.main["loaders"][0]["kind"] == "torch" and r.main["loaders"][0]["batch_size"] == 4
    assert r.main["off"] == ""


def test_validation_is_told_apart(run):
    r = run(
        TRAIN
        + """
    import json
    steps, waits, total, longest, validation = 0, 0.0, 0.0, 0.0, 0.0
    for epoch in range(3):
        last, begin = None, time.perf_counter()
        it = iter(dataloader.DataLoader(Data(0.001), 30))
        while True:
            if last is not None:
                steps += 1
                if steps > 5 and not validated:
                    waits, total, longest = waits + waited, total + begin - last, max(longest, begin - last)
            if next(it, None) is None:
                break
            waited, last, validated = time.perf_counter() - begin, begin, steps % 30 == 15
            time.sleep(0.004)
            if validated:  # in the middle of an epoch, too
                begin = time.perf_counter()
                for _ in dataloader.DataLoader(type("Val", (Data,), {})(0.01), 10):
                    pass
                validation += time.perf_counter() - begin
            begin = time.perf_counter()
    print(json.dumps({"share": waits / total, "longest": longest, "validation": validation}))
    """
    )
    steps, own = r.main["steps"], json.loads(r.out)
    assert 75 <= steps["count"] <= 85
    assert abs(share(r.main) - own["share"]) < 0.02
    assert steps["p95"] < own["longest"] + 0.001, "the step that a validation lay in is no step"
    assert steps["validations"] == 3 and abs(steps["validation"] - own["validation"]) < 0.1 * own["validation"]
    assert len(steps["epochs"]) == 3
    assert [x["training"] for x in r.main["loaders"]].count(True) == 1


def test_two_loaders_side_by_side(run):
    r = run(
        TRAIN
        + """
    a, b = (iter(dataloader.DataLoader(type(name, (Data,), {})(0.003), 60)) for name in "AB")
    waits = total = 0.0
    for k in range(60):
        begin = time.perf_counter()
        if k > 5:
            waits, total = waits + waited, total + begin - last
        next(a), next(b)
        waited, last = time.perf_counter() - begin, begin
        time.sleep(0.006)
    print(waits / total)
    """
    )
    assert r.main["steps"]["count"] > 40
    assert abs(share(r.main) - float(r.out)) < 0.05


def test_traceback_is_the_scripts_own(run):
    script = TRAIN + "    left = [3, 2, 1, 0]\n    Data.batch = lambda self: 1 / left.pop(0)\n    for _ in dataloader.DataLoader(Data(0), 10):\n        pass\n"
    with_it = run(script, check=False)
    without = run(script, check=False, env={"STOKER_PROBE": ""})
    assert with_it.code == without.code == 1
    assert "_stoker_probe" not in without.err
    if sys.version_info >= (3, 11):
        assert with_it.err == without.err
    assert with_it.reports


def test_patched_classes_look_the_same(run):
    run(
        TRAIN
        + """
    import inspect, pickle, threading
    base = dataloader._BaseDataLoaderIter
    assert hasattr(base.__next__, "__wrapped__")
    assert str(inspect.signature(base.__next__)) == "(self)"
    assert base.__next__.__qualname__ == "_BaseDataLoaderIter.__next__"
    assert "StopIteration" in inspect.getsource(base.__next__)
    assert pickle.loads(pickle.dumps(dataloader.DataLoader)) is dataloader.DataLoader
    assert threading.active_count() == 1 and threading.enumerate() == [threading.main_thread()]
    assert not any("_stoker" in p for p in sys.path) and not any("sampler/py" in p for p in sys.path)
    assert not [f for f in sys.meta_path if "stoker" in repr(f)]
    """
    )


def test_random_numbers_stay(run):
    script = "import random, time\nrandom.seed(7)\ntime.sleep(0.5)\nprint(random.random())\n"
    assert run(script).out == run(script, env={"STOKER_PROBE": ""}).out


def test_other_sitecustomize_runs(run, site):
    (site / "sitecustomize.py").write_text("import builtins\nbuiltins.hello = __name__\n")
    (site / "usercustomize.py").write_text("")
    r = run("import sys, time\nassert hello == 'sitecustomize'\nassert sys.modules['sitecustomize'].__file__.startswith(sys.argv[0].rsplit('/', 1)[0])\ntime.sleep(1.2)\n")
    assert r.reports


def test_failing_sitecustomize_is_reported_as_ever(run, site):
    (site / "sitecustomize.py").write_text("1 / 0\n")
    r = run("import time\ntime.sleep(1.2)\n")
    assert "Error in sitecustomize" in r.err and "ZeroDivisionError" in r.err
    assert r.reports


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_isolated_pythons_are_left_alone(run, flag):
    r = run("import sys\nassert not [m for m in sys.modules if 'stoker' in m]\n", flag)
    assert not r.reports


def test_modules_of_the_user_may_have_any_name(run, tmp_path):
    for name in ("json", "random", "queue", "report", "clock", "probe"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not for you')\n")
    r = run("import time\ntime.sleep(1.5)\n")
    assert r.reports[0]["off"] == ""


@pytest.mark.parametrize("python", pythons())
def test_fork_without_a_warning(run, python):
    """Python 3.12 and later warn of a fork in a process with several threads."""
    r = run(
        """
        import os, sys, time
        time.sleep(0.3)
        for n in range(20):
            pid = os.fork()
            if pid == 0:
                time.sleep(0.05)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            time.sleep(0.01)
        pid = os.fork()
        if pid == 0:
            begin = time.monotonic()  # long enough for a report of its own
            while not os.path.exists("%s/%d.json" % (os.environ["STOKER_PROBE"], os.getpid())):
                assert time.monotonic() < begin + 60
                time.sleep(0.05)
            os._exit(0)
        os.waitpid(pid, 0)
        print(os.getpid(), pid)
        """,
        "-W",
        "error",
        python=python,
    )
    assert "Warning" not in r.err
    assert {x["pid"] for x in r.reports} >= set(map(int, r.out.split()))
    assert all(x["off"] == "" and x["stacks"]["looks"] > 0 for x in r.reports)


def test_spawned_and_forked_workers(run):
    r = run(
        """
        import multiprocessing as mp, os, sys, time

        def my_decode(n):
            report = "%s/%d.json" % (os.environ["STOKER_PROBE"], os.getpid())
            begin = time.monotonic()
            while not (os.path.exists(report) and "my_decode" in open(report).read()):
                assert time.monotonic() < begin + 60
                for _ in range(10_000):
                    sum(range(1000))

        if __name__ == "__main__":
            for how in ("spawn", "fork"):
                p = mp.get_context(how).Process(target=my_decode, args=(1,))
                p.start()
                p.join()
                assert p.exitcode == 0
        """
    )
    workers = [x for x in r.reports if x["role"] == "worker"]
    assert len(workers) == 2 and all(any(f["function"] == "my_decode" for f in w["stacks"]["top"]) for w in workers)


def test_exit_is_clean(run):
    """At the interpreter's end the thread is gone, with faulthandler and threads of the user's."""
    r = run(
        """
        import atexit, faulthandler, threading, time, sys
        faulthandler.enable()
        t = threading.Thread(target=time.sleep, args=(0.5,))
        t.start()
        atexit.register(lambda: print("last words", flush=True))
        """,
        "-X",
        "dev",
    )
    assert r.out == "last words\n" and r.err == ""


def test_own_exception_switches_off(run):
    r = run(
        """
        import os, sys, time
        time.sleep(0.3)
        sys._current_frames = lambda: 1 / 0
        begin = time.monotonic()
        while not os.path.exists("%s/%d.json" % (os.environ["STOKER_PROBE"], os.getpid())):
            assert time.monotonic() < begin + 60
            time.sleep(0.05)
        print("fine")
        """
    )
    assert r.out == "fine\n" and r.err == ""
    assert "ZeroDivisionError" in r.reports[0]["off"]


def test_unwritable_directory(run, tmp_path):
    r = run("import time\ntime.sleep(1.2)\nprint(1)\n", env={"STOKER_PROBE": str(tmp_path / "nowhere")})
    assert r.out == "1\n" and r.err == ""


def test_closed_descriptors(run):
    """Daemons close every descriptor; a file of theirs then has the sampler's number."""
    r = run(
        """
        import os, time
        time.sleep(0.5)
        os.closerange(3, 64)
        files = [open("f%d" % n, "w+") for n in range(30)]
        for f in files:
            f.write("1 2 3"); f.flush()
        time.sleep(1.5)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        for f in files:
            f.write("4"); f.flush(); f.seek(0)
            assert f.read() == "1 2 34"
        """
    )
    assert r.reports[0]["off"] == ""


def test_quick_loaders_are_given_back(run):
    r = run(
        TRAIN
        + """
    Data.batch = lambda self: 0
    begin = time.monotonic()
    while hasattr(dataloader._BaseDataLoaderIter.__next__, "__wrapped__") and time.monotonic() < begin + 60:
        for _ in dataloader.DataLoader(Data(0), 5000):
            pass
    assert not hasattr(dataloader._BaseDataLoaderIter.__next__, "__wrapped__")
    """
    )
    assert r.main["off"] == "" and any("too short" in n for n in r.main["notes"])


def test_headspace(run):
    r = run(
        TRAIN
        + """
    for _ in dataloader.DataLoader(Data(0.15), 1000):
        time.sleep(0.01)
    print("not reached")
    """,
        env={"STOKER_HEADSPACE": "20:60"},
    )
    h = r.main["headspace"]
    assert r.out == "" and h["state"] == "done"
    real, replayed = (h[k]["sum"] / h[k]["n"] for k in ("real", "replayed"))
    assert real > 0.159 and replayed < 0.6 * real


def test_looks_without_a_known_loader(run):
    """A loop of the user's own: the source lines tell."""
    r = run(
        """
        import json, sys, time

        def load():
            text = "[" + "1," * 100_000 + "1]"
            return json.loads(text)

        def train_step():
            end = time.perf_counter() + 0.02
            while time.perf_counter() < end:
                sum(range(500))

        data = compute = 0.0
        begin = time.perf_counter()
        while time.perf_counter() < begin + 8:
            a = time.perf_counter()
            for _ in range(4):
                load()
            b = time.perf_counter()
            train_step()
            data, compute = data + b - a, compute + time.perf_counter() - b
        print(data / (data + compute))
        """
    )
    loop = r.reports[0]["stacks"]["loop"]
    seen = (loop.get("data_wait", 0) + loop["data_work"]) / sum(loop.values())
    assert abs(seen - float(r.out)) < 0.2
    assert r.reports[0]["stacks"]["work_by_kind"]["decode"] > 0


def test_own_cost_is_small(run):
    r = run("import time\nend = time.time() + 5\nwhile time.time() < end:\n    sum(range(1000))\n")
    assert r.reports[0]["overhead"] < 0.005


def test_looks_become_rarer_and_weigh_more(monkeypatch):
    """A run of hours is looked at less often, and every second of it counts the same."""
    monkeypatch.syspath_prepend(str(SAMPLER))
    from _stoker_probe import classify, looks

    seen = looks.Looks(classify.Classifier(), threading.get_ident())
    stands_for = {}
    for age in (0, 60, 3600):
        seen.began = time.monotonic() - age
        seen.cost(1e-6)
        before = sum(seen.by_class.values())
        seen.look(0.0)
        stands_for[age] = (sum(seen.by_class.values()) - before) * looks.MEAN_PAUSE
        assert stands_for[age] == pytest.approx(seen.mean)
    seen.close()
    assert stands_for[60] == pytest.approx(60 / looks.ENOUGH, rel=0.01)
    assert stands_for[3600] == pytest.approx(looks.AGED_PAUSE)


def test_dear_reports_come_less_often(monkeypatch):
    """Seldom enough to cost nothing, and yet again before a short run ends."""
    monkeypatch.syspath_prepend(str(SAMPLER))
    from _stoker_probe import probe

    assert probe._report_pause(100, 0.0005, 0.001) == probe.REPORT_EVERY
    assert probe._report_pause(100, 0.005, 0.001) == pytest.approx(10)
    assert probe._report_pause(100, 0.001, 0.5) == pytest.approx(25)
    assert probe._report_pause(6, 0.001, 0.5) == pytest.approx(3)  # it waited for the imports
    assert probe._report_pause(0.7, 0.01, 1.0) == probe.REPORT_EVERY
