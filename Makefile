.PHONY: demo test check format lock cover

demo:
	uv run cvo demo

test:
	uv run pytest

check:
	bash .ci/run

format:
	uv run ruff format .
	uv run ruff check --fix .

lock:
	python3 tools/lock.py

# compiled kernels are invisible to coverage, so they run as Python here
cover:
	NUMBA_DISABLE_JIT=1 uv run pytest --cov --cov-report=term-missing
