"""Runs in NeMo-Gym's own environment: its simple agent and its model server, real, on one row.

python nemo_gym_driver.py PORT_OF_RESOURCES_SERVER MODEL_ADDRESS < ROWS > VERIFY_RESPONSES
"""

import asyncio
import json
import socket
import sys

import nemo_gym.server_utils as utils
import uvicorn
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.server_utils import ServerClient
from omegaconf import OmegaConf
from responses_api_agents.simple_agent.app import SimpleAgent, SimpleAgentConfig
from responses_api_models.vllm_model.app import VLLMModel, VLLMModelConfig


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


async def serve(app, port):
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    return server, task


async def main(resources_port, model_address):
    places = {"repogym": resources_port, "policy": free_port(), "agent": free_port()}
    kinds = {
        "repogym": "resources_servers",
        "policy": "responses_api_models",
        "agent": "responses_api_agents",
    }
    config = OmegaConf.create(
        {
            name: {kinds[name]: {"one": {"host": "127.0.0.1", "port": port}}}
            for name, port in places.items()
        }
    )
    utils.set_global_aiohttp_client(utils.GlobalAIOHTTPAsyncClientConfig())
    head = BaseServerConfig(host="127.0.0.1", port=1)
    client = ServerClient(head_server_config=head, global_config_dict=config)
    common = {"host": "127.0.0.1", "entrypoint": "app.py"}
    model = VLLMModel(
        config=VLLMModelConfig(
            **common, name="policy", port=places["policy"], base_url=model_address, api_key="k",
            model="t", return_token_id_information=False, uses_reasoning_parser=False,
        ),
        server_client=client,
    )  # fmt: skip
    agent = SimpleAgent(
        config=SimpleAgentConfig(
            **common, name="agent", port=places["agent"], max_steps=5,
            resources_server={"type": "resources_servers", "name": "repogym"},
            model_server={"type": "responses_api_models", "name": "policy"},
        ),
        server_client=client,
    )  # fmt: skip
    # All in one event loop: NeMo-Gym has one HTTP client a process.
    running = [
        await serve(model.setup_webserver(), places["policy"]),
        await serve(agent.setup_webserver(), places["agent"]),
    ]
    made = []
    for line in sys.stdin:
        answer = await client.post("agent", "/run", json=json.loads(line))
        await utils.raise_for_status(answer)
        made.append(await utils.get_response_json(answer))
    told = await client.post("agent", "/aggregate_metrics", json={"verify_responses": made})
    print("ANSWER " + json.dumps([made, await utils.get_response_json(told)]), flush=True)
    for server, task in running:
        server.should_exit = True
        await task


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
