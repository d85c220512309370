"""Lists come in pages, and the client's callers get all of them."""

from __future__ import annotations

import httpx

from foretide.client.http import Client


def _answer(request: httpx.Request) -> httpx.Response:
    place = int(request.url.params.get("cursor", 0))
    following = str(place + 1) if place < 2 else None
    return httpx.Response(
        200,
        json={
            "status": "completed" if place == 0 else "as it was by then",
            "results": [{"jobId": f"result {place}"}],
            "items": [{"plotName": f"plot {place}"}],
            "nextCursor": following,
        },
    )


async def test_results_and_plots_of_all_pages_are_there() -> None:
    async with Client("http://test", "token") as client:
        await client._http.aclose()
        client._http = httpx.AsyncClient(base_url="http://test", transport=httpx.MockTransport(_answer))

        found, plots = await client.results("s"), await client.plots("s")

    assert [one["jobId"] for one in found["results"]] == ["result 0", "result 1", "result 2"]
    assert found["status"] == "completed"
    assert [one["plotName"] for one in plots] == ["plot 0", "plot 1", "plot 2"]
