"""Puts clocks around the iterators of the loaders that are known.

Nothing is imported and no import is hooked: the sampler's thread sees that a
module has been loaded, within one or two looks, and changes one method of one
class. A loader whose inside is not what is expected here is left as it is.
"""

import sys
from time import perf_counter

from . import describe, device
from .classify import OURS

CHECK_EVERY = 20  # looks


class Frameworks:
    """What has been changed in this process."""

    def __init__(self, clock):
        self.clock = clock
        self.pending = {
            "torch.utils.data.dataloader": self._torch,
            "keras.src.trainers.epoch_iterator": self._keras,
            "keras.src.backend.jax.trainer": self._keras_jax,
            "keras.src.backend.tensorflow.trainer": lambda _: self._callbacks("keras.src.callbacks.callback_list"),
            "tf_keras.src.engine.training": lambda _: self._callbacks("tf_keras.src.callbacks"),
            "keras.src.engine.training": lambda _: self._callbacks("keras.src.callbacks"),
            "keras.engine.training": lambda _: self._callbacks("keras.callbacks"),
            "tensorflow.python.data.ops.iterator_ops": self._tf_data,
            "datasets.arrow_dataset": self._datasets,
            "datasets.iterable_dataset": self._datasets,
            "grain._src.python.data_loader": self._grain,
            "webdataset.pipeline": self._webdataset,
            "stoker._epoch": self._stoker,
        }
        self.changed = []  # (class, name, original): to give back
        self.looks = 0

    def look(self):
        """Change what has been loaded since the last time."""
        self.looks += 1
        for name in [n for n in self.pending if n in sys.modules]:
            module = sys.modules[name]
            if device.loading(module):
                continue
            change = self.pending.pop(name)
            try:
                change(module)
            except (AttributeError, KeyError, TypeError):
                pass  # another version than the ones known: its loader is not timed
        if self.looks % CHECK_EVERY == 0:
            self._leave_the_quick_alone()
            if self.clock.device is None:
                self.clock.device = device.find()

    def _put(self, cls, name, make, *args):
        """Replace a method by what make returns for it."""
        original = cls.__dict__[name]
        changed = make(self.clock, original, *args)
        for attr in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(changed, attr, getattr(original, attr))
        changed.__wrapped__ = original
        setattr(cls, name, changed)
        self.changed.append((cls, name, original))

    def _torch(self, module):
        self._put(module._BaseDataLoaderIter, "__next__", _timed_next, describe.torch, _torch_ready)
        self._put(module.DataLoader, "__iter__", _timed_iter)

    def _stoker(self, module):
        self._put(module.EpochIterator, "__next__", _timed_next, describe.stoker)

    def _grain(self, module):
        self._put(module.DataLoaderIterator, "__next__", _timed_next, describe.grain)

    def _tf_data(self, module):
        self._put(module.OwnedIterator, "__next__", _timed_next, describe.tf_data)

    def _keras(self, module):
        self._put(module.EpochIterator, "_get_iterator", _timed_source, describe.keras)

    def _keras_jax(self, module):
        self._put(module.JAXEpochIterator, "_get_iterator", _timed_source, describe.keras)

    def _callbacks(self, name):
        # For TensorFlow, whose batches are fetched inside the compiled step: the
        # step is timed, the wait cannot be.
        self._put(sys.modules[name].CallbackList, "on_train_batch_begin", _timed_step)

    def _datasets(self, module):
        cls = module.Dataset if hasattr(module, "Dataset") else module.IterableDataset
        self._put(cls, "iter", _timed_source, describe.datasets)

    def _webdataset(self, module):
        self._put(module.DataPipeline, "__iter__", _timed_source, describe.webdataset)

    def _leave_the_quick_alone(self):
        """Give loaders back whose steps are so short that the clocks would show."""
        if not self.clock.quick and any(pipe.quick() for pipe in list(self.clock.pipes.values())):
            self.clock.quick = True
            for cls, name, original in self.changed:
                setattr(cls, name, original)


def _timed_next(clock, original, facts, ready_of=None):
    """Put a clock around an iterator's __next__."""

    def __next__(self):
        if not clock.asks():
            return original(self)
        ready = queued = None
        try:
            if ready_of is not None:
                ready = ready_of(self)
            if clock.device is not None:
                queued = clock.device(_caller())
        except Exception as err:
            clock.fail(err)
        replay = clock.replay
        clock.inside = True
        begun = perf_counter()
        try:
            batch = original(self) if replay is None else replay.next(self, original)
        except BaseException as err:
            clock.inside = False
            if isinstance(err, StopIteration):
                clock.ended(self)
            _hide(err)
            raise
        clock.inside = False
        clock.got(self, begun, facts, ready, queued)
        return batch

    return __next__


def _caller():
    """Return the frame that asks for the batch."""
    frame = sys._getframe(2)
    while frame is not None and OURS in frame.f_code.co_filename:
        frame = frame.f_back
    return frame


def _hide(err):
    """Take the frame of the caller out of the traceback, as if no clock had been there.

    Before Python 3.11 the interpreter keeps it all the same.
    """
    if err.__traceback__ is not None:
        err.__traceback__ = err.__traceback__.tb_next


def _timed_iter(clock, original):
    """Note when an iteration begins: workers start inside iter()."""

    def __iter__(self):
        if not clock.asks():
            return original(self)
        begun = perf_counter()
        try:
            iterator = original(self)
        except BaseException as err:
            _hide(err)
            raise
        clock.starts(iterator, begun)
        return iterator

    return __iter__


def _timed_source(clock, original, facts):
    """Put a clock around what a method returns to be iterated, where that is a generator."""

    def iterate(self, *args, **kwargs):
        source = original(self, *args, **kwargs)
        if not clock.asks() or clock.quick or type(source).__name__ != "generator":
            return source
        try:
            described = facts(self, *args, **kwargs)
        except Exception as err:
            clock.fail(err)
            return source
        return source if described is None else _batches(clock, source, _Source(described))

    return iterate


class _Source:
    """What batches are counted for where no iterator object is at hand."""

    def __init__(self, facts):
        self.facts = facts

    def __call__(self, _):
        return self.facts


def _batches(clock, source, of):
    """Hand on the batches of a generator, timing each."""
    step = _timed_next(clock, lambda _: next(source), of).__get__(of)
    try:
        while not clock.quick:
            try:
                batch = step()
            except StopIteration:
                return
            yield batch
        yield from source
    except BaseException as err:
        _hide(err)
        raise
    finally:
        source.close()


def _timed_step(clock, original):
    """Time Keras's steps from its callbacks, where no iterator in Python is."""
    running = []  # the source of the epoch that runs: a new one for each

    def on_train_batch_begin(self, batch, logs=None):
        if clock.asks():
            try:
                if not batch or not running:
                    running[:] = [_Source(describe.keras_callbacks(self))]
                clock.got(running[0], perf_counter(), running[0], None, None)
            except Exception as err:
                clock.fail(err)
        return original(self, batch, logs)

    return on_train_batch_begin


def _torch_ready(iterator):
    """Say whether a batch is there already; None if there are no workers."""
    tasks = getattr(iterator, "_task_info", None)
    if tasks is None:
        return None
    if len(tasks.get(iterator._rcvd_idx, ())) == 2:
        return True
    return not iterator._data_queue.empty()
