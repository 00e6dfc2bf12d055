.PHONY: demo test check format lock docs cover overhead

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

docs:
	uv run python tools/scores_page.py
	uv run python tools/tables_page.py
	uv run python tools/analyses_page.py
	uv run python tools/truth_page.py

cover:
	uv run pytest --cov --cov-report=term-missing

overhead:
	uv run python benchmarks/robustness/overhead.py
