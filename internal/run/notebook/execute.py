"""Executes a notebook cell by cell in a kernel of its own, prints what the cells
print as they print it, and saves the notebook with its outputs after every cell
and every half minute. Started by `stoker run NOTEBOOK.ipynb`; neither a browser
nor a kernel connection of one has any part in it.

usage: execute.py SOURCE.ipynb RESULT.ipynb
"""

import os
import sys
import time

try:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
except ImportError as error:
    sys.exit(f"a notebook needs nbclient and ipykernel in this Python ({sys.executable}): "
             f"pip install nbclient ipykernel\n{type(error).__name__}: {error}")

SAVE_SECONDS = 30


class Client(NotebookClient):
    """A notebook client that prints and saves as it goes."""

    def __init__(self, notebook, result, **options):
        super().__init__(notebook, **options)
        self.result = result
        self.saved = 0.0

    def save(self):
        """Replaces the result whole, so that a reader never sees half of it."""
        partial = self.result + ".partial"
        with open(partial, "w", encoding="utf-8") as file:
            nbformat.write(self.nb, file)
        os.replace(partial, self.result)
        self.saved = time.monotonic()

    def process_message(self, msg, cell, cell_index):
        outcome = super().process_message(msg, cell, cell_index)
        content = msg["content"]
        if msg["msg_type"] == "stream":
            stream = sys.stderr if content.get("name") == "stderr" else sys.stdout
            stream.write(content.get("text", ""))
            stream.flush()
        elif msg["msg_type"] in ("execute_result", "display_data"):
            text = content.get("data", {}).get("text/plain")
            if text:
                print(text, flush=True)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()
        return outcome

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type == "code" and cell.source.strip():
            first = cell.source.strip().splitlines()[0]
            print(f"--- cell {cell_index + 1}: {first[:100]}", flush=True)
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            self.save()



def main(source, result):
    notebook = nbformat.read(source, as_version=4)
    folder = os.path.dirname(os.path.abspath(source))
    client = Client(notebook, result, timeout=None, resources={"metadata": {"path": folder}})
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    except DeadKernelError as error:
        print(f"the kernel died: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        client.save()
        print(f"outputs are in {result}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
