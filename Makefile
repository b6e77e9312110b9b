# The book and its checks. Needed: Python 3.11 to 3.14, make and git; the rest is installed into .venv.

SHELL = /bin/sh
VENV ?= .venv
PYTHON ?=
JOBS ?= 2
FORCE ?=
BIN = $(VENV)/bin
READY = $(VENV)/.up-to-date

# one BLAS thread for each of the JOBS processes, and no progress bars in pages
OPENBLAS_NUM_THREADS ?= 1
OMP_NUM_THREADS ?= 1
TQDM_DISABLE ?= 1
export OPENBLAS_NUM_THREADS OMP_NUM_THREADS TQDM_DISABLE

.PHONY: help book test notebooks html pdf networks release links lint bench mutants suggested screenshots student clean

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /	/' | expand -t 12

book: $(READY) ## execute copies of all chapters on this machine and render them
	@rm -rf _build/live && mkdir -p _build/live
	@cp -R book snode tests *.md *.yml *.toml *.txt *.cff LICENSE* _build/live/
	@echo "Executing the chapters, $(JOBS) at a time:"
	@$(BIN)/python book/_tools/execute.py --jobs $(JOBS) _build/live/book/*.ipynb
	@$(BIN)/jupyter-book build -q --all _build/live >/dev/null
	@ln -sfn live/_build/html _build/book
	@echo "The book is ready: $(CURDIR)/_build/book/index.html"

test: html ## unit tests, every notebook against its committed outputs, a build without warnings
	$(BIN)/python -m pytest tests book -n $(JOBS) --dist loadscope --nbval --nbval-current-env

notebooks: $(READY) ## make the notebooks whose text twin has changed (FORCE=1: all of them)
	@$(BIN)/python book/_tools/colab.py
	@$(BIN)/python book/_tools/notebooks.py --jobs $(JOBS) $(if $(FORCE),--all)

html: $(READY) ## render the committed notebooks; a warning is an error
	@$(BIN)/jupyter-book build -q --all -W -n --keep-going . >/dev/null
	@echo "The committed pages: $(CURDIR)/_build/html/index.html"

pdf: $(READY) ## the whole book as one PDF; needs xelatex and latexmk
	@sh book/_tools/pdf.sh "$(BIN)"

# RUNS: folders of finished runs, each with its result and weights.npz
networks: $(READY) ## round the trained networks in the folders RUNS and list them for readers
	@$(BIN)/python book/_tools/networks.py $(RUNS)

release: html pdf student ## what a release offers, in _build/release: PDF, archives, networks, checksums
	@$(BIN)/python book/_tools/release.py

links: $(READY) ## visit every link of the book
	@$(BIN)/jupyter-book build -q --all --builder linkcheck .

lint: $(READY) ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# one core, one thread, and the BLAS kernel that OpenBLAS itself chooses for this processor
PIN = $(shell command -v taskset >/dev/null 2>&1 && echo taskset -c 0)
QUIET = env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 JAX_PLATFORMS=cpu \
  XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" $(PIN)

bench: $(READY) ## time and memory against bounds and peers, 6 minutes; needs the extras bench and peers
	@mkdir -p _build book/data
	$(QUIET) $(BIN)/python -m pytest tests/benchmarks -q -o python_files='bench_*.py' \
	  --benchmark-timer=time.process_time --benchmark-disable-gc --benchmark-columns=median \
	  --benchmark-quiet --benchmark-json=_build/benchmarks.json
	$(QUIET) $(BIN)/python tests/benchmarks/table.py _build/benchmarks.json book/data/benchmarks.json

# MUTANTS='snode.euler.*' tests these alone; the folder mutants/ keeps the results for the next call
mutants: $(READY) ## change every formula, a test must notice; about an hour (MUTANTS=names: some)
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[mutants]'
	$(BIN)/mutmut run --max-children $(JOBS) $(foreach name,$(MUTANTS),'$(name)')
	@$(BIN)/mutmut results

# PAGES='cost B_ncg': these alone
suggested: $(READY) ## every page with every value it suggests under Change it, about an hour
	@$(BIN)/python book/_tools/suggested.py --jobs $(JOBS) $(PAGES)

# PAGES='index 03_model': these alone; HEIGHT=1400: tall pages in pieces of this height
screenshots: html ## every page as a picture, desktop and phone, light and dark (PAGES=names: some)
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[browser]'
	@$(BIN)/python book/_tools/screenshots.py $(if $(HEIGHT),--height $(HEIGHT)) $(PAGES)

student: $(READY) ## the notebooks without solutions, for a class: _build/student
	@if [ -d _build/student ]; then mv _build/student _build/student-$$(date +%Y%m%d-%H%M%S); fi # there may be answers in it
	@$(BIN)/python book/_tools/student.py

clean: ## remove what make has made, except the environment
	rm -rf _build mutants build snode.egg-info .pytest_cache .ruff_cache .snakemake out.ipynb
	find book snode tests -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt book/_tools/venv.sh
	@sh book/_tools/venv.sh "$(VENV)" "$(PYTHON)"
	@touch $@
