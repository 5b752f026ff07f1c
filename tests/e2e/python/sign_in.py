"""The client of Python's `mcp` against a protected server: signs in, lists the tools, calls one, and steps up with another.

sign_in.py URL MODE   with MODE auto or legacy. Prints each authorization URL as a line "open URL", and reads the URL with which the browser
came back from standard input. Its last line is JSON with what it saw.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlparse

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

url, mode, redirect_uri, flow = sys.argv[1:5]


class Memory:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def open_browser(address):
    print("open", address, flush=True)


async def come_back():
    line = await asyncio.to_thread(sys.stdin.readline)
    query = parse_qs(urlparse(line.strip()).query)
    return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0], iss=query["iss"][0])


async def main():
    memory = Memory()
    auth = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(
            client_name="Python mcp",
            redirect_uris=[redirect_uri],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
        ),
        storage=memory,
        redirect_handler=open_browser,
        callback_handler=come_back,
    )
    async with httpx2.AsyncClient(auth=auth, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            tools = await client.list_tools()
            status = await client.call_tool("auth_status", {})
            narrow = memory.tokens.scope
            saved = await client.call_tool("create_or_update_flow", {"source": flow})
    seen = {
        "tools": [tool.name for tool in tools.tools],
        "you": status.structured_content["you"],
        "scopes": [narrow, memory.tokens.scope],
        "saved": not saved.is_error,
    }
    print(json.dumps(seen))


asyncio.run(main())
