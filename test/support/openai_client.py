"""Calls a gateway with the real OpenAI client and prints what came back as JSON, for http-clients.test.ts.

usage: openai_client.py BASE_URL MODEL
"""

import json
import sys

import openai


def describe(error):
    return {"class": type(error).__name__, "status": getattr(error, "status_code", None), "message": str(error)}


def attempt(call):
    try:
        call()
    except openai.APIError as error:
        return describe(error)
    return None


base_url, model = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0)

texts = ["Hello world", "naïve café 🙂", ""]
# Without encoding_format the client asks for base64 and decodes it.
by_default = client.embeddings.create(model=model, input=texts)
as_floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
single = client.embeddings.create(model=model, input="Hello world", dimensions=8)

print(
    json.dumps(
        {
            "default": [item.embedding for item in by_default.data],
            "floats": [item.embedding for item in as_floats.data],
            "usage": by_default.usage.model_dump(),
            "model": by_default.model,
            "dimensions": len(single.data[0].embedding),
            "models": [item.id for item in client.models.list()],
            "unknown_model": attempt(lambda: client.embeddings.create(model="nobody", input="x")),
            "empty_list": attempt(lambda: client.embeddings.create(model=model, input=[])),
            # What LangChain's Python client sends by default: OpenAI's token ids.
            "token_ids": attempt(lambda: client.embeddings.create(model=model, input=[[9906, 1917]])),
        }
    )
)
