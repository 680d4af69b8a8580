"""Streams an answer through the `openai` client, unchanged: python samples/openai_client.py "What is inflation?"

Reads the address from COUNTERSIGN_URL and the key from COUNTERSIGN_KEY, or takes the demo's.
"""

import os
import sys
from pathlib import Path

from openai import OpenAI


def main() -> None:
    url = os.environ.get("COUNTERSIGN_URL", "http://127.0.0.1:8080")
    key = os.environ.get("COUNTERSIGN_KEY") or Path("var/demo.key").read_text().strip()
    client = OpenAI(base_url=f"{url}/v1", api_key=key)
    messages = [{"role": "user", "content": " ".join(sys.argv[1:]) or "What is the dealing cut-off time?"}]
    for chunk in client.chat.completions.create(model="countersign", messages=messages, stream=True):
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
