"""Reports of an evaluation for people and for CI: terminal, HTML, Markdown and JUnit XML."""
