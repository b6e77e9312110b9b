#!/bin/sh
# The whole book as one PDF, _build/standalone-neural-odes.pdf:  sh book/_tools/pdf.sh VENV/bin
set -eu
bin=$1
name=standalone-neural-odes
work=_build/latex
packages="texlive-xetex texlive-latex-extra texlive-fonts-recommended latexmk fonts-texgyre tex-gyre fonts-texgyre-math fonts-dejavu"

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

for program in xelatex latexmk; do
    command -v $program >/dev/null 2>&1 ||
        stop "Needed: xelatex and latexmk, e.g. apt-get install --no-install-recommends $packages"
done
for font in texgyrepagella-regular.otf texgyreheros-regular.otf texgyrepagella-math.otf DejaVuSansMono.ttf DejaVuSans.ttf; do
    kpsewhich $font >/dev/null || stop "Needed: the font $font, e.g. apt-get install --no-install-recommends $packages"
done

# the date on the cover is that of the last commit, so that the same sources give the same PDF
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
FORCE_SOURCE_DATE=1
export SOURCE_DATE_EPOCH FORCE_SOURCE_DATE

rm -rf $work
"$bin/jupyter-book" build -q --all -W -n --keep-going --builder latex . >/dev/null
cd $work
latexmk -xelatex -interaction=nonstopmode -halt-on-error $name.tex >latexmk.out 2>&1 || {
    grep -A 4 '^!' latexmk.out >&2 || tail -n 20 latexmk.out >&2
    stop "LaTeX stopped with the error above; all of its messages: $work/latexmk.out"
}

# what a reader would miss is an error, what sticks out of the margin is shown
if grep -E 'Missing character|Reference .* undefined|undefined references' $name.log >&2; then
    stop "Signs or references are missing from the PDF, see above; $work/$name.log has the places."
fi
grep -E '^Overfull .hbox \(([2-9][0-9]|[0-9]{3,})\.' $name.log || true
cp $name.pdf ..
pages=$(sed -n 's/^Output written on .*(\([0-9]*\) pages.*/\1/p' $name.log)
echo "The book: $(dirname "$PWD")/$name.pdf, $pages pages, $(($(wc -c <$name.pdf) / 1000000)) MB"
