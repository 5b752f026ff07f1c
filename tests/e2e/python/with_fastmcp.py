"""FastMCP's client with its own OAuth: it opens the browser and waits on a port of its own. Prints JSON with what it saw."""

import asyncio
import json
import sys

from fastmcp import Client


async def main():
    async with Client(sys.argv[1], auth="oauth") as client:
        tools = await client.list_tools()
        status = await client.call_tool("auth_status", {})
    print(json.dumps({"tools": [tool.name for tool in tools], "you": status.structured_content["you"]}))


asyncio.run(main())
