"""Work that is done ahead, by several threads, and handed over as it gets done.

Invariant: only so much is under way, or done and not yet asked for, that memory stays flat however many jobs there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

_MOST_JOBS = 256
_MOST_BYTES = 32 * 2**20  # of files; their cuts take about as much


def as_they_come(
    jobs: Iterable[Job], do: Callable[[Job], Done], workers: int, size: Callable[[Job], int]
) -> Iterator[tuple[Job, Done | Exception]]:
    """Each job with what came of it, or what it raised. workers: threads that call `do`; 0: the caller's own does, in order.

    The jobs are taken by the caller's thread, when there is room for them. size: of a job, in bytes.
    """
    if not workers:
        yield from ((job, _tried(do, job)) for job in jobs)
        return
    waiting = iter(jobs)
    under_way: dict[Future[Done | Exception], Job] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    try:
        while True:
            while _room(under_way.values(), workers, size):
                try:
                    job = next(waiting)
                except StopIteration:
                    break
                under_way[pool.submit(_tried, do, job)] = job
            if not under_way:
                return
            done = wait(under_way, return_when=FIRST_COMPLETED).done
            for future in [one for one in under_way if one in done]:
                yield under_way.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _room(under_way: Iterable[Job], workers: int, size: Callable[[Job], int]) -> bool:
    sizes = [size(job) for job in under_way]
    return len(sizes) < 2 * workers or (len(sizes) < _MOST_JOBS and sum(sizes) < _MOST_BYTES)


def _tried(do: Callable[[Job], Done], job: Job) -> Done | Exception:
    try:
        return do(job)
    except Exception as error:  # handed to whoever asked for the job
        return error
